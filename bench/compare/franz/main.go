// A Kafka client that nobody here wrote (franz-go), as a load: the same for every server. Prints one JSON object.
//
//	franz produce -brokers HOST:PORT -topic T -queues N -message B -seconds S [-linger 5ms]
//	franz consume -brokers HOST:PORT -topic T -messages N
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type result struct {
	What              string  `json:"what"`
	Setting           string  `json:"setting"`
	Seconds           float64 `json:"seconds"`
	Messages          int64   `json:"messages"`
	MessagesPerSecond float64 `json:"messages_per_second"`
}

func giveUp(err error) {
	fmt.Fprintln(os.Stderr, "franz:", err)
	os.Exit(1)
}

func main() {
	if len(os.Args) < 2 {
		giveUp(fmt.Errorf("produce or consume?"))
	}
	what := os.Args[1]
	flags := flag.NewFlagSet(what, flag.ExitOnError)
	brokers := flags.String("brokers", "127.0.0.1:9092", "")
	topic := flags.String("topic", "compare", "")
	queues := flags.Int("queues", 16, "")
	message := flags.Int("message", 1024, "")
	seconds := flags.Float64("seconds", 5, "")
	warmUp := flags.Float64("warm-up", 1, "")
	linger := flags.Duration("linger", 5*time.Millisecond, "")
	messages := flags.Int64("messages", 0, "")
	_ = flags.Parse(os.Args[2:])
	var out result
	if what == "produce" {
		out = produce(*brokers, *topic, *queues, *message, *warmUp, *seconds, *linger)
	} else {
		out = consume(*brokers, *topic, *messages)
	}
	out.What = what
	out.MessagesPerSecond = float64(out.Messages) / out.Seconds
	_ = json.NewEncoder(os.Stdout).Encode(out)
}

func produce(brokers, topic string, queues, message int, warmUp, seconds float64, linger time.Duration) result {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers), kgo.DefaultProduceTopic(topic),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerLinger(linger),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(200_000),
		kgo.ProducerBatchMaxBytes(1_000_000))
	if err != nil {
		giveUp(err)
	}
	defer client.Close()
	value := make([]byte, message)
	rand.New(rand.NewSource(7)).Read(value)
	var acknowledged atomic.Int64
	var failed atomic.Value
	ctx := context.Background()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			default:
			}
			if failed.Load() != nil || i < 0 {
				return
			}
			client.Produce(ctx, &kgo.Record{Value: value, Partition: int32(i % queues)}, func(_ *kgo.Record, err error) {
				if err != nil {
					failed.CompareAndSwap(nil, err)
				} else {
					acknowledged.Add(1)
				}
			})
		}
	}()
	time.Sleep(time.Duration(warmUp * float64(time.Second)))
	before, start := acknowledged.Load(), time.Now()
	time.Sleep(time.Duration(seconds * float64(time.Second)))
	count, took := acknowledged.Load()-before, time.Since(start).Seconds()
	if err, ok := failed.Load().(error); ok {
		giveUp(err)
	}
	// The process ends without waiting for what is buffered: it was not counted.
	return result{Setting: fmt.Sprintf("franz-go, %d B, %d queues, linger %v", message, queues, linger), Seconds: took,
		Messages: count}
}

func consume(brokers, topic string, messages int64) result {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxBytes(64<<20), kgo.FetchMaxPartitionBytes(4<<20))
	if err != nil {
		giveUp(err)
	}
	defer client.Close()
	var count int64
	var start time.Time
	for count < messages {
		fetches := client.PollFetches(context.Background())
		if err := fetches.Err(); err != nil {
			giveUp(err)
		}
		if start.IsZero() {
			// The first poll has looked up the topic and connected.
			start = time.Now()
			messages -= int64(fetches.NumRecords())
			continue
		}
		count += int64(fetches.NumRecords())
	}
	return result{Setting: "franz-go", Seconds: time.Since(start).Seconds(), Messages: count}
}
