// NATS JetStream as a load. A queue is a subject of one stream, which is how NATS is fastest with many of them.
//
//	nats create|produce|fill|consume|end-to-end -server HOST:PORT -topic STREAM -queues N ...
//
// Acknowledgements come to an inbox of each connection, as in the client's own asynchronous publishing. With -atomic a
// group goes as one atomic batch, whose last message is acknowledged for all; without, each message is acknowledged.
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"

	"imago/compare/measure"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func main() {
	o := measure.Parse()
	link := connect(o)
	switch o.What {
	case "create":
		start := time.Now()
		create(o, link)
		measure.Report(o, fmt.Sprintf("%d subjects", o.Queues), 0, time.Since(start), "", nil)
	case "produce":
		create(o, link)
		measure.Produce(o, setting(o), connectProducer(o))
	case "fill":
		create(o, link)
		fill(o)
	case "ready":
		start := time.Now()
		ready(o, link)
		measure.Report(o, "", 0, time.Since(start), "", nil)
	case "consume":
		consume(o)
	case "end-to-end":
		create(o, link)
		endToEnd(o)
	default:
		measure.GiveUp(fmt.Errorf("what is %q?", o.What))
	}
}

func connect(o measure.Options) *nats.Conn {
	link, err := nats.Connect("nats://"+o.Server, nats.Timeout(10*time.Second), nats.MaxReconnects(0))
	if err != nil {
		measure.GiveUp(err)
	}
	return link
}

func stream(link *nats.Conn) jetstream.JetStream {
	js, err := jetstream.New(link)
	if err != nil {
		measure.GiveUp(err)
	}
	return js
}

func create(o measure.Options, link *nats.Conn) {
	_, err := stream(link).CreateOrUpdateStream(context.Background(), jetstream.StreamConfig{Name: o.Topic,
		Subjects: []string{o.Topic + ".*"}, Storage: jetstream.FileStorage, AllowAtomicPublish: o.Atomic})
	if err != nil {
		measure.GiveUp(err)
	}
}

// ready waits until the stream answers with at least as many messages as were acknowledged.
func ready(o measure.Options, link *nats.Conn) {
	found, err := stream(link).Stream(context.Background(), o.Topic)
	if err != nil {
		measure.GiveUp(err)
	}
	if have := int64(found.CachedInfo().State.Msgs); have < o.Messages {
		measure.GiveUp(fmt.Errorf("%d of %d acknowledged messages are there", have, o.Messages))
	}
}

func fill(o measure.Options) {
	meter := &measure.Meter{}
	var done atomic.Int64
	stop := make(chan struct{})
	start := time.Now()
	for i := range o.Producers {
		p := newProducer(o, i, meter)
		p.acknowledged = &done
		go p.Saturate(stop)
	}
	for done.Load() < o.Messages {
		time.Sleep(5 * time.Millisecond)
	}
	close(stop)
	time.Sleep(200 * time.Millisecond) // what is in flight is there too, and is not waited for again
	measure.Report(o, setting(o), done.Load(), time.Since(start), "", nil)
}

func setting(o measure.Options) string {
	kind := "each acknowledged"
	if o.Atomic && o.Group > 1 {
		kind = "atomic batches"
	}
	return fmt.Sprintf("%d B x %d, %d subjects, %d conn. x %d in flight, %s", o.Message, o.Group, o.Queues, o.Producers,
		o.Window, kind)
}

func consumers(o measure.Options, got func(*histogramOf, jetstream.Msg)) []*histogramOf {
	var all []*histogramOf
	for range o.FanOut {
		js := stream(connect(o))
		consumer, err := js.OrderedConsumer(context.Background(), o.Topic, jetstream.OrderedConsumerConfig{})
		if err != nil {
			measure.GiveUp(err)
		}
		mine := &histogramOf{}
		all = append(all, mine)
		_, err = consumer.Consume(func(m jetstream.Msg) { got(mine, m) }, jetstream.PullMaxMessages(10_000))
		if err != nil {
			measure.GiveUp(err)
		}
	}
	return all
}

// histogramOf one consumer, whose messages come one after the other.
type histogramOf struct {
	measure.Histogram
	on    atomic.Bool
	count atomic.Int64
}

func consume(o measure.Options) {
	// Two processes' clocks begin here alike: the server's counters are looked at before the first message is asked for.
	measure.Mark("begin")
	start := time.Now()
	all := consumers(o, func(mine *histogramOf, _ jetstream.Msg) { mine.count.Add(1) })
	for {
		var sum int64
		for _, each := range all {
			sum += min(each.count.Load(), o.Messages)
		}
		if sum == o.Messages*int64(o.FanOut) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	took := time.Since(start)
	measure.Mark("end")
	measure.Report(o, fmt.Sprintf("%d ordered consumers", o.FanOut), o.Messages*int64(o.FanOut), took, "", nil)
}

func endToEnd(o measure.Options) {
	all := consumers(o, func(mine *histogramOf, m jetstream.Msg) {
		now := measure.Now()
		if mine.on.Load() {
			mine.Record(now-int64(binary.BigEndian.Uint64(m.Data())), 1)
			mine.count.Add(1)
		}
	})
	time.Sleep(300 * time.Millisecond)
	stop := measure.StartProducers(o, func(number int) measure.Producer { return newProducer(o, number, &measure.Meter{}) })
	time.Sleep(o.WarmUp)
	measure.Mark("begin")
	start := time.Now()
	for _, each := range all {
		each.on.Store(true)
	}
	time.Sleep(o.Seconds)
	for _, each := range all {
		each.on.Store(false)
	}
	took := time.Since(start)
	measure.Mark("end")
	close(stop)
	time.Sleep(50 * time.Millisecond) // a consumer may be amid a message
	var sum measure.Histogram
	for _, each := range all {
		sum.Add(&each.Histogram)
	}
	measure.Report(o, setting(o), int64(sum.Count), took, "end to end", &sum)
}
