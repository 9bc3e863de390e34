// A Kafka client that nobody here wrote (franz-go), as a load: the same for every server. Prints one JSON object.
//
//	franz produce -server HOST:PORT -topic T -queues N -message B -seconds S [-linger 5ms]
//	franz consume -server HOST:PORT -topic T -messages N
package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"imago/compare/measure"

	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	o := measure.Parse()
	if o.What == "produce" {
		produce(o)
	} else {
		consume(o)
	}
}

func produce(o measure.Options) {
	client, err := kgo.NewClient(kgo.SeedBrokers(o.Server), kgo.DefaultProduceTopic(o.Topic),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerLinger(o.Linger),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(200_000),
		kgo.ProducerBatchMaxBytes(1_000_000))
	if err != nil {
		measure.GiveUp(err)
	}
	value := measure.Value(o.Message, 0)
	var acknowledged atomic.Int64
	var failed atomic.Value
	ctx := context.Background()
	go func() {
		for i := 0; failed.Load() == nil; i++ {
			client.Produce(ctx, &kgo.Record{Value: value, Partition: int32(i % o.Queues)}, func(_ *kgo.Record, err error) {
				if err != nil {
					failed.CompareAndSwap(nil, err)
				} else {
					acknowledged.Add(1)
				}
			})
		}
	}()
	time.Sleep(o.WarmUp)
	measure.Mark("begin")
	before, start := acknowledged.Load(), time.Now()
	time.Sleep(o.Seconds)
	count, took := acknowledged.Load()-before, time.Since(start)
	measure.Mark("end")
	if err, ok := failed.Load().(error); ok {
		measure.GiveUp(err)
	}
	// The process ends without waiting for what is buffered: it was not counted.
	measure.Report(o, fmt.Sprintf("franz-go, %d B, %d queues, linger %v", o.Message, o.Queues, o.Linger), count, took, "", nil)
}

func consume(o measure.Options) {
	client, err := kgo.NewClient(kgo.SeedBrokers(o.Server), kgo.ConsumeTopics(o.Topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxBytes(64<<20), kgo.FetchMaxPartitionBytes(4<<20))
	if err != nil {
		measure.GiveUp(err)
	}
	defer client.Close()
	left, count := o.Messages, int64(0)
	var start time.Time
	for count < left {
		fetches := client.PollFetches(context.Background())
		if err := fetches.Err(); err != nil {
			measure.GiveUp(err)
		}
		if start.IsZero() {
			// The first poll has looked up the topic and connected.
			measure.Mark("begin")
			start = time.Now()
			left -= int64(fetches.NumRecords())
			continue
		}
		count += int64(fetches.NumRecords())
	}
	took := time.Since(start)
	measure.Mark("end")
	measure.Report(o, "franz-go", count, took, "", nil)
}
