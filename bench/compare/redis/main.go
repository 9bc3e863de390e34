// Redis Streams as a load: a queue is a stream. Commands are made beforehand and pipelined.
//
//	redis produce|fill|consume|end-to-end|ready -server HOST:PORT -topic PREFIX -queues N ...
package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"imago/compare/measure"
)

func main() {
	o := measure.Parse()
	switch o.What {
	case "create":
		measure.Report(o, "streams come with their first message", 0, time.Nanosecond, "", nil)
	case "produce":
		measure.Produce(o, setting(o), connectProducer(o))
	case "fill":
		fill(o)
	case "ready":
		ready(o)
	case "consume":
		consume(o)
	case "end-to-end":
		endToEnd(o)
	default:
		measure.GiveUp(fmt.Errorf("what is %q?", o.What))
	}
}

func setting(o measure.Options) string {
	return fmt.Sprintf("%d B, %d streams, %d conn. x %d pipelined", o.Message, o.Queues, o.Producers, o.Group*o.Window)
}

func key(o measure.Options, queue int) string { return fmt.Sprintf("%s:%d", o.Topic, queue) }

// producer is one connection: one goroutine writes, one reads the answers, which come in order.
type producer struct {
	o            measure.Options
	link         *link
	meter        *measure.Meter
	queue        func() int
	commands     [][]byte
	flight       chan int64 // when each group in flight was due
	acknowledged *atomic.Int64
}

func newProducer(o measure.Options, number int, meter *measure.Meter) *producer {
	room := o.Window
	if o.Rate > 0 {
		room = 1 << 20
	}
	p := &producer{o: o, link: connect(o), meter: meter, queue: measure.Queues(o, number*o.Queues/o.Producers),
		flight: make(chan int64, room)}
	if o.Rate <= 0 {
		value := string(measure.Value(o.Message, 0))
		for i := range o.Queues {
			p.commands = append(p.commands, encoded("XADD", key(o, i), "*", "v", value))
		}
	}
	go p.listen()
	return p
}

func connectProducer(o measure.Options) func(int, *measure.Meter) measure.Producer {
	return func(number int, meter *measure.Meter) measure.Producer { return newProducer(o, number, meter) }
}

func (p *producer) Saturate(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
			p.Send(measure.Now())
		}
	}
}

// Send waits while the window is full: the channel is the window.
func (p *producer) Send(due int64) {
	p.flight <- due
	for range p.o.Group {
		if p.o.Rate <= 0 {
			p.link.raw(p.commands[p.queue()])
		} else {
			p.link.command([]byte("XADD"), []byte(key(p.o, p.queue())), []byte("*"), []byte("v"), measure.Value(p.o.Message, due))
		}
	}
	p.link.flush()
}

func (p *producer) listen() {
	// The head of the channel is taken after the answers, or the window would be one larger than it says.
	for {
		for i := range p.o.Group {
			p.link.skip()
			if i+1 == p.o.Group {
				p.meter.Done(<-p.flight, p.o.Group)
			}
		}
		if p.acknowledged != nil {
			p.acknowledged.Add(int64(p.o.Group))
		}
	}
}

func fill(o measure.Options) {
	var done atomic.Int64
	meter := &measure.Meter{}
	start := time.Now()
	var all sync.WaitGroup
	for i := range o.Producers {
		p := newProducer(o, i, meter)
		p.acknowledged = &done
		all.Add(1)
		go func() {
			defer all.Done()
			for range o.Messages / int64(o.Producers*o.Group) {
				p.Send(0)
			}
		}()
	}
	all.Wait()
	wanted := o.Messages / int64(o.Producers*o.Group) * int64(o.Producers*o.Group)
	for done.Load() < wanted {
		time.Sleep(time.Millisecond)
	}
	measure.Report(o, setting(o), wanted, time.Since(start), "", nil)
}
