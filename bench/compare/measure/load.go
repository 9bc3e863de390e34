package measure

import (
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand"
	"os"
	"runtime"
	"sort"
	"sync"
	"syscall"
	"time"
)

// Options of every load; a load says in its own words what a group is (messages that go out together).
type Options struct {
	What      string
	Server    string
	Topic     string
	Queues    int
	Message   int
	Group     int
	Producers int
	Window    int
	Rate      float64
	Zipf      float64
	FanOut    int
	Messages  int64
	WarmUp    time.Duration
	Seconds   time.Duration
	Linger    time.Duration
	Atomic    bool
}

// Parse reads the command line: what to do, then options.
func Parse() Options {
	var o Options
	if len(os.Args) < 2 {
		GiveUp(fmt.Errorf("what to do? create, produce, fill, consume, end-to-end"))
	}
	o.What = os.Args[1]
	flags := flag.NewFlagSet(o.What, flag.ExitOnError)
	flags.StringVar(&o.Server, "server", "", "HOST:PORT")
	flags.StringVar(&o.Topic, "topic", "compare", "")
	flags.IntVar(&o.Queues, "queues", 16, "")
	flags.IntVar(&o.Message, "message", 1024, "bytes of a value")
	flags.IntVar(&o.Group, "group", 1, "messages that go out together")
	flags.IntVar(&o.Producers, "producers", 1, "connections that write")
	flags.IntVar(&o.Window, "window", 1, "groups in flight on each, without a rate")
	flags.Float64Var(&o.Rate, "rate", 0, "messages a second; 0: as many as the windows let through")
	flags.Float64Var(&o.Zipf, "zipf", 0, "exponent; 0: all queues alike")
	flags.IntVar(&o.FanOut, "fan-out", 1, "consumers that each read everything")
	flags.Int64Var(&o.Messages, "messages", 0, "that are to be written (fill) or are there (consume)")
	warmUp := flags.Float64("warm-up", 1, "seconds")
	seconds := flags.Float64("seconds", 5, "")
	flags.DurationVar(&o.Linger, "linger", 5*time.Millisecond, "of the foreign Kafka client")
	flags.BoolVar(&o.Atomic, "atomic", false, "groups as atomic batches (NATS)")
	_ = flags.Parse(os.Args[2:])
	o.WarmUp = time.Duration(*warmUp * float64(time.Second))
	o.Seconds = time.Duration(*seconds * float64(time.Second))
	return o
}

// GiveUp ends the program: what cannot be measured has no figure.
func GiveUp(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// Mark tells the caller that the measurement begins or ends now: it then looks at the server's counters.
func Mark(at string) { fmt.Printf("{\"mark\":%q}\n", at) }

// Report prints the result as one JSON object.
func Report(o Options, setting string, messages int64, took time.Duration, of string, times *Histogram) {
	out := map[string]any{"what": o.What, "setting": setting, "seconds": took.Seconds(), "messages": messages,
		"messages_per_second": float64(messages) / took.Seconds()}
	if o.Rate > 0 {
		out["wanted_messages_per_second"] = o.Rate
	}
	if times != nil && times.Count > 0 {
		us := func(share float64) float64 { return float64(times.Quantile(share)) / 1e3 }
		out["times_us"] = map[string]any{"of": of, "count": times.Count, "p50": us(0.5), "p90": us(0.9), "p99": us(0.99),
			"p99.9": us(0.999), "max": float64(times.Max) / 1e3}
	}
	_ = json.NewEncoder(os.Stdout).Encode(out)
}

var begin = time.Now()

// Now is a time that only goes forward, in nanoseconds.
func Now() int64 { return int64(time.Since(begin)) }

// Value is random bytes behind eight that carry a time.
func Value(size int, mark int64) []byte {
	value := make([]byte, size)
	copy(value, noise[rand.Intn(len(noise)-size):])
	binary.BigEndian.PutUint64(value, uint64(mark))
	return value
}

var noise = func() []byte {
	made := make([]byte, 1<<20)
	rand.New(rand.NewSource(7)).Read(made)
	return made
}()

// Queues gives the number of the next queue: in turn, or by Zipf. For one goroutine.
func Queues(o Options, first int) func() int {
	if o.Zipf <= 0 {
		next := first
		return func() int { next++; return next % o.Queues }
	}
	random := rand.New(rand.NewSource(int64(first) + 1))
	sums := make([]float64, o.Queues)
	var sum float64
	for i := range sums {
		sum += math.Pow(float64(i+1), -o.Zipf)
		sums[i] = sum
	}
	return func() int { return min(sort.SearchFloat64s(sums, random.Float64()*sum), o.Queues-1) }
}

// Pace calls send at each due time, fixed beforehand, until stop is closed. A send that is late goes out at once and is
// charged from when it was due. Go's own timers wake up to a millisecond late; nanosleep does not.
func Pace(o Options, stop <-chan struct{}, send func(due int64)) {
	runtime.LockOSThread()
	interval := float64(time.Second) * float64(o.Group) / o.Rate
	start := Now()
	for i := 0; ; i++ {
		due := start + int64(float64(i)*interval)
		for wait := due - Now(); wait > 0; wait = due - Now() {
			pause := syscall.NsecToTimespec(wait)
			_ = syscall.Nanosleep(&pause, nil)
		}
		select {
		case <-stop:
			return
		default:
			send(due)
		}
	}
}

// Meter counts acknowledged messages and their times while a measurement is on. For all goroutines.
type Meter struct {
	mutex    sync.Mutex
	on       bool
	messages int64
	times    Histogram
}

// Done counts messages that were due (or sent) at that time.
func (m *Meter) Done(due int64, messages int) {
	took := Now() - due
	m.mutex.Lock()
	if m.on {
		m.messages += int64(messages)
		m.times.Record(took, uint64(messages))
	}
	m.mutex.Unlock()
}

// Run waits for the warm-up and the measurement: messages, how long, their times.
func (m *Meter) Run(o Options) (int64, time.Duration, *Histogram) {
	time.Sleep(o.WarmUp)
	Mark("begin")
	start := time.Now()
	m.mutex.Lock()
	m.on = true
	m.mutex.Unlock()
	time.Sleep(o.Seconds)
	m.mutex.Lock()
	m.on = false
	messages := m.messages
	took := time.Since(start)
	m.mutex.Unlock()
	Mark("end")
	return messages, took, &m.times
}

// Producer is one connection that writes groups of messages.
type Producer interface {
	// Send writes a group that was due at that time, with the time in its values if there is a rate. It may wait for room.
	Send(due int64)
	// Saturate writes as much as the window lets through, until stop is closed.
	Saturate(stop <-chan struct{})
}

// StartProducers starts them all, or with a rate the one that keeps to it. Closing the channel stops them.
func StartProducers(o Options, connect func(number int) Producer) chan struct{} {
	stop := make(chan struct{})
	if o.Rate > 0 {
		go Pace(o, stop, connect(0).Send)
		return stop
	}
	for i := range o.Producers {
		go connect(i).Saturate(stop)
	}
	return stop
}

// Produce is the verb: producers for as long as the options say, then the report.
func Produce(o Options, setting string, connect func(number int, meter *Meter) Producer) {
	meter := &Meter{}
	stop := StartProducers(o, func(number int) Producer { return connect(number, meter) })
	messages, took, times := meter.Run(o)
	close(stop)
	Report(o, setting, messages, took, "ack", times)
}
