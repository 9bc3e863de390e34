package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"imago/compare/measure"
)

const entriesAtOnce = 1000

// consume reads all streams from their beginnings, some in flight on each connection.
func consume(o measure.Options) {
	measure.Mark("begin")
	start := time.Now()
	var messages atomic.Int64
	var all sync.WaitGroup
	for range o.FanOut {
		all.Add(1)
		go func() {
			defer all.Done()
			messages.Add(readAll(o))
		}()
	}
	all.Wait()
	took := time.Since(start)
	measure.Mark("end")
	if messages.Load() < o.Messages*int64(o.FanOut) {
		measure.GiveUp(fmt.Errorf("%d of %d messages came", messages.Load(), o.Messages*int64(o.FanOut)))
	}
	measure.Report(o, fmt.Sprintf("%d readers", o.FanOut), messages.Load(), took, "", nil)
}

func readAll(o measure.Options) int64 {
	l := connect(o)
	const window = 64 // streams asked at once
	last := make([][]byte, o.Queues)
	open := make([]int, o.Queues)
	for i := range open {
		last[i], open[i] = []byte("-"), i
	}
	var messages int64
	for len(open) > 0 {
		var again []int
		for len(open) > 0 {
			some := open[:min(window, len(open))]
			open = open[len(some):]
			for _, queue := range some {
				l.command([]byte("XRANGE"), []byte(key(o, queue)), last[queue], []byte("+"), []byte("COUNT"),
					[]byte(fmt.Sprint(entriesAtOnce)))
			}
			l.flush()
			for _, queue := range some {
				count := l.list()
				for range count {
					l.list()
					last[queue] = append([]byte("("), l.text(nil)...)
					l.skip()
				}
				messages += int64(count)
				if count == entriesAtOnce {
					again = append(again, queue)
				}
			}
		}
		open = again
	}
	return messages
}

// ready asks each stream for its length.
func ready(o measure.Options) {
	l := connect(o)
	start := time.Now()
	for i := range o.Queues {
		l.command([]byte("XLEN"), []byte(key(o, i)))
	}
	l.flush()
	var messages int64
	for range o.Queues {
		messages += int64(number(append([]byte(nil), l.line()...)))
	}
	if messages < o.Messages {
		measure.GiveUp(fmt.Errorf("%d of %d acknowledged messages are there", messages, o.Messages))
	}
	measure.Report(o, "", 0, time.Since(start), "", nil)
}

// endToEnd reads with XREAD BLOCK while a producer writes at a fixed rate.
func endToEnd(o measure.Options) {
	var on atomic.Bool
	var mutex sync.Mutex
	var times measure.Histogram
	for range o.FanOut {
		go follow(o, func(due int64) {
			if now := measure.Now(); on.Load() {
				mutex.Lock()
				times.Record(now-due, 1)
				mutex.Unlock()
			}
		})
	}
	time.Sleep(300 * time.Millisecond)
	stop := measure.StartProducers(o, func(number int) measure.Producer { return newProducer(o, number, &measure.Meter{}) })
	time.Sleep(o.WarmUp)
	measure.Mark("begin")
	start := time.Now()
	on.Store(true)
	time.Sleep(o.Seconds)
	on.Store(false)
	took := time.Since(start)
	measure.Mark("end")
	close(stop)
	mutex.Lock()
	defer mutex.Unlock()
	measure.Report(o, setting(o), int64(times.Count), took, "end to end", &times)
}

func follow(o measure.Options, got func(due int64)) {
	l := connect(o)
	last := make([][]byte, o.Queues)
	places := map[string]int{}
	for i := range last {
		last[i] = []byte("0")
		places[key(o, i)] = i
	}
	for {
		words := [][]byte{[]byte("XREAD"), []byte("COUNT"), []byte(fmt.Sprint(entriesAtOnce)), []byte("BLOCK"), []byte("0"),
			[]byte("STREAMS")}
		for i := range o.Queues {
			words = append(words, []byte(key(o, i)))
		}
		l.command(append(words, last...)...)
		l.flush()
		for range l.list() { // [key, [[id, [field, value]]...]]...
			l.list()
			queue := places[string(l.text(nil))]
			for range l.list() {
				l.list()
				last[queue] = bytes.Clone(l.text(nil))
				l.list()
				l.text(nil)
				got(int64(binary.BigEndian.Uint64(l.text(nil))))
			}
		}
	}
}
