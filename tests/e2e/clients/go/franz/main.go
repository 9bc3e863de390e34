// franz-go: its own protocol code; idempotent producer, assigned partitions, topics and groups through kadm.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"imago.e2e/clients/talk"
)

var (
	address    = os.Args[1]
	background = context.Background()
	producers  = map[string]*kgo.Client{}
	shared     *kadm.Client
)

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, dep := range info.Deps {
		if dep.Path == "github.com/twmb/franz-go" {
			return dep.Version
		}
	}
	return "?"
}

func number(err error) (int, bool) {
	var known *kerr.Error
	if errors.As(err, &known) {
		return int(known.Code), true
	}
	return 0, false
}

func codec(name string) kgo.CompressionCodec {
	return map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}[name]
}

func produce(r *talk.Request) (any, error) {
	p, err := producers[r.Codec], error(nil)
	if p == nil {
		p, err = kgo.NewClient(kgo.SeedBrokers(address), kgo.ProducerBatchCompression(codec(r.Codec)),
			kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(20*time.Millisecond))
		if err != nil {
			return nil, err
		}
		producers[r.Codec] = p
	}
	records := make([]*kgo.Record, len(r.Records))
	for i, one := range r.Records {
		records[i] = &kgo.Record{Topic: r.Topic, Partition: one.Partition, Key: one.Key, Value: one.Value}
		if one.Time != nil {
			records[i].Timestamp = time.UnixMilli(*one.Time)
		}
		for _, h := range one.Headers {
			records[i].Headers = append(records[i].Headers, kgo.RecordHeader{Key: h.Name, Value: h.Value})
		}
	}
	limit, stop := context.WithTimeout(background, 30*time.Second)
	defer stop()
	if err := p.ProduceSync(limit, records...).FirstErr(); err != nil {
		return nil, err
	}
	offsets := make([]int64, len(records))
	for i, one := range records {
		offsets[i] = one.Offset
	}
	return offsets, nil
}

func consume(r *talk.Request) (any, error) {
	start := kgo.NewOffset().AtStart()
	if r.Begin.Offset != nil {
		start = kgo.NewOffset().At(*r.Begin.Offset)
	} else if r.Begin.Time != nil {
		start = kgo.NewOffset().AfterMilli(*r.Begin.Time)
	}
	from := map[int32]kgo.Offset{}
	for _, p := range r.List() {
		from[p] = start
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.FetchMaxWait(r.MaxWait()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{r.Topic: from}), kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	limit, stop := context.WithTimeout(background, r.Timeout())
	defer stop()
	got := []talk.Record{}
	for len(got) < r.Count && limit.Err() == nil {
		fetches := client.PollFetches(limit)
		for _, wrong := range fetches.Errors() {
			if !errors.Is(wrong.Err, context.DeadlineExceeded) {
				return nil, wrong.Err
			}
		}
		for _, one := range fetches.Records() {
			ms := one.Timestamp.UnixMilli()
			headers := []talk.Header{}
			for _, h := range one.Headers {
				headers = append(headers, talk.Header{Name: h.Key, Value: h.Value})
			}
			got = append(got, talk.Record{Partition: one.Partition, Offset: one.Offset, Time: &ms, Key: one.Key,
				Value: one.Value, Headers: headers})
		}
	}
	return got[:min(len(got), r.Count)], nil
}

func admin() *kadm.Client {
	if shared == nil {
		client, err := kgo.NewClient(kgo.SeedBrokers(address))
		if err != nil {
			panic(err)
		}
		shared = kadm.NewClient(client)
	}
	return shared
}

func answer(r *talk.Request) (any, error) {
	switch r.Do {
	case "hello":
		return map[string]any{"version": version(), "codecs": []string{"none", "gzip", "snappy", "lz4", "zstd"},
			"can": []string{"topics", "max_timestamp", "classic", "consumer", "cooperative", "static", "groups", "describe", "offsets",
				"reset", "delete"}}, nil
	case "produce":
		return produce(r)
	case "consume":
		return consume(r)
	case "join":
		return nil, join(r)
	case "commit":
		return one.commit(r.Metadata)
	case "leave":
		return nil, one.leave()
	case "groups", "describe_group", "delete_group", "offsets", "reset_offsets":
		return groups(r)
	case "create_topic", "describe_topic", "describe_configs", "alter_configs", "create_partitions", "delete_records",
		"delete_topic", "list_offsets":
		return topics(r)
	}
	return nil, fmt.Errorf("unsupported: %s", r.Do)
}

func main() { talk.Serve(number, answer) }
