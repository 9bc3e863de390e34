package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"imago/compare/measure"

	"github.com/nats-io/nats.go"
)

// producer is one connection that writes groups of messages.
type producer struct {
	o            measure.Options
	link         *nats.Conn
	meter        *measure.Meter
	acknowledged *atomic.Int64
	inbox        string
	queue        func() int
	subjects     []string
	value        []byte
	room         chan struct{}
	groups       []group // those in flight, by number
	sent         int
	name         string // of its atomic batches
}

type group struct {
	due  int64
	left atomic.Int32
}

func newProducer(o measure.Options, number int, meter *measure.Meter) *producer {
	p := &producer{o: o, link: connect(o), meter: meter, queue: measure.Queues(o, number*o.Queues/o.Producers),
		value: measure.Value(o.Message, 0), room: make(chan struct{}, o.Window), name: fmt.Sprintf("%d-%d", number, measure.Now())}
	p.groups = make([]group, 1<<12)
	if o.Rate > 0 {
		p.groups = make([]group, 1<<17) // nothing holds a schedule back
	}
	p.inbox = nats.NewInbox() + "."
	for i := range o.Queues {
		p.subjects = append(p.subjects, o.Topic+"."+strconv.Itoa(i))
	}
	if _, err := p.link.Subscribe(p.inbox+"*", p.answered); err != nil {
		measure.GiveUp(err)
	}
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
		case p.room <- struct{}{}:
			p.Send(measure.Now())
		}
	}
}

func (p *producer) Send(due int64) {
	if p.o.Rate > 0 {
		p.value = measure.Value(p.o.Message, due)
	}
	number := p.sent % len(p.groups)
	p.sent++
	to := &p.groups[number]
	if to.left.Load() != 0 {
		measure.GiveUp(fmt.Errorf("more than %d groups wait for their acknowledgements", len(p.groups)))
	}
	to.due = due
	reply := p.inbox + strconv.Itoa(number)
	atomically := p.o.Atomic && p.o.Group > 1
	to.left.Store(1)
	if !atomically {
		to.left.Store(int32(p.o.Group))
	}
	for i := range p.o.Group {
		message := &nats.Msg{Subject: p.subjects[p.queue()], Data: p.value}
		if !atomically {
			message.Reply = reply
		} else {
			message.Header = nats.Header{"Nats-Batch-Id": {p.name + "-" + strconv.Itoa(p.sent)},
				"Nats-Batch-Sequence": {strconv.Itoa(i + 1)}}
			if i+1 == p.o.Group {
				message.Header["Nats-Batch-Commit"] = []string{"1"}
				message.Reply = reply
			}
		}
		if err := p.link.PublishMsg(message); err != nil {
			measure.GiveUp(err)
		}
	}
}

func (p *producer) answered(m *nats.Msg) {
	if bytes.Contains(m.Data, []byte(`"error"`)) || len(m.Data) == 0 {
		measure.GiveUp(fmt.Errorf("not acknowledged: %s %v", m.Data, m.Header))
	}
	number, err := strconv.Atoi(strings.TrimPrefix(m.Subject, p.inbox))
	if err != nil {
		measure.GiveUp(err)
	}
	from := &p.groups[number]
	due := from.due
	messages := 1
	if p.o.Atomic && p.o.Group > 1 {
		messages = p.o.Group
	}
	last := from.left.Add(-1) == 0
	p.meter.Done(due, messages)
	if p.acknowledged != nil {
		p.acknowledged.Add(int64(messages))
	}
	if last && p.o.Rate <= 0 {
		<-p.room
	}
}
