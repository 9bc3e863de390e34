// kafka-go of segmentio: its own protocol code; a Writer, Readers of partitions, a ConsumerGroup, its Client.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"imago.e2e/clients/talk"
)

var (
	address    = os.Args[1]
	background = context.Background()
	transport  = &kafka.Transport{MetadataTTL: 200 * time.Millisecond} // topics are written to as soon as they are made
	client     = &kafka.Client{Addr: kafka.TCP(address), Timeout: 10 * time.Second, Transport: transport}
)

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, dep := range info.Deps {
		if dep.Path == "github.com/segmentio/kafka-go" {
			return dep.Version
		}
	}
	return "?"
}

func number(err error) (int, bool) {
	var code kafka.Error
	if errors.As(err, &code) {
		return int(code), true
	}
	return 0, false
}

// chosen is the partition that each message names.
type chosen struct{}

func (chosen) Balance(m kafka.Message, _ ...int) int { return m.WriterData.(int) }

func produce(r *talk.Request) (any, error) {
	var lock sync.Mutex
	offsets := make([]int64, len(r.Records))
	at := map[int32][]int{} // the records of each partition, in order: kafka-go tells the offsets of whole batches
	w := &kafka.Writer{Addr: kafka.TCP(address), Topic: r.Topic, Balancer: chosen{}, RequiredAcks: kafka.RequireAll,
		Transport: transport, BatchTimeout: 20 * time.Millisecond, BatchSize: 1000}
	if r.Codec != "none" {
		if err := w.Compression.UnmarshalText([]byte(r.Codec)); err != nil {
			return nil, err
		}
	}
	w.Completion = func(messages []kafka.Message, err error) {
		lock.Lock()
		defer lock.Unlock()
		for _, m := range messages {
			p := int32(m.Partition)
			offsets[at[p][0]] = m.Offset
			at[p] = at[p][1:]
		}
	}
	messages := make([]kafka.Message, len(r.Records))
	for i, one := range r.Records {
		m := kafka.Message{Key: one.Key, Value: one.Value, WriterData: int(one.Partition)}
		if one.Time != nil {
			m.Time = time.UnixMilli(*one.Time)
		}
		for _, h := range one.Headers {
			m.Headers = append(m.Headers, kafka.Header{Key: h.Name, Value: h.Value})
		}
		messages[i] = m
		at[one.Partition] = append(at[one.Partition], i)
	}
	err := w.WriteMessages(background, messages...)
	// The Writer asks for a topic once and keeps the answer for a while: nothing is written then, so it may be asked again.
	for tries := 0; errors.Is(err, kafka.UnknownTopicOrPartition) && tries < 30; tries++ {
		time.Sleep(100 * time.Millisecond)
		err = w.WriteMessages(background, messages...)
	}
	if err != nil {
		var each kafka.WriteErrors
		if errors.As(err, &each) {
			for _, wrong := range each {
				if wrong != nil {
					return nil, wrong
				}
			}
		}
		return nil, err
	}
	return offsets, w.Close()
}

// read passes on what one partition has, until the context ends.
func read(limit context.Context, r *talk.Request, p int32, come chan<- kafka.Message) error {
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{address}, Topic: r.Topic, Partition: int(p), MinBytes: 1,
		MaxBytes: 32 << 20, MaxWait: r.MaxWait(), OffsetOutOfRangeError: true})
	defer reader.Close()
	var err error
	switch {
	case r.Begin.Offset != nil:
		err = reader.SetOffset(*r.Begin.Offset)
	case r.Begin.Time != nil:
		err = reader.SetOffsetAt(limit, time.UnixMilli(*r.Begin.Time))
	default:
		err = reader.SetOffset(kafka.FirstOffset)
	}
	for err == nil {
		var m kafka.Message
		if m, err = reader.FetchMessage(limit); err == nil {
			select {
			case come <- m:
			case <-limit.Done():
			}
		}
	}
	return err
}

func consume(r *talk.Request) (any, error) {
	limit, stop := context.WithTimeout(background, r.Timeout())
	defer stop()
	come, wrong := make(chan kafka.Message), make(chan error, 16)
	for _, p := range r.List() {
		go func() { wrong <- read(limit, r, p, come) }()
	}
	got := []talk.Record{}
	for len(got) < r.Count {
		select {
		case m := <-come:
			ms := m.Time.UnixMilli()
			headers := []talk.Header{}
			for _, h := range m.Headers {
				headers = append(headers, talk.Header{Name: h.Key, Value: h.Value})
			}
			got = append(got, talk.Record{Partition: int32(m.Partition), Offset: m.Offset, Time: &ms, Key: m.Key,
				Value: m.Value, Headers: headers})
		case err := <-wrong:
			if limit.Err() == nil {
				return nil, err
			}
		case <-limit.Done():
			return got, nil
		}
	}
	return got, nil
}

func groups(r *talk.Request) (any, error) {
	switch r.Do {
	case "groups":
		found, err := client.ListGroups(background, &kafka.ListGroupsRequest{})
		if err != nil {
			return nil, err
		}
		names := []string{}
		for _, group := range found.Groups {
			names = append(names, group.GroupID)
		}
		return names, found.Error
	case "describe_group":
		found, err := client.DescribeGroups(background, &kafka.DescribeGroupsRequest{GroupIDs: []string{r.Group}})
		if err != nil {
			return nil, err
		}
		group := found.Groups[0]
		return map[string]any{"state": strings.ToLower(group.GroupState), "members": len(group.Members)}, group.Error
	case "delete_group":
		done, err := client.DeleteGroups(background, &kafka.DeleteGroupsRequest{GroupIDs: []string{r.Group}})
		if err != nil {
			return nil, err
		}
		return nil, done.Errors[r.Group]
	}
	asked := map[string][]int{}
	for _, p := range r.List() {
		asked[r.Topic] = append(asked[r.Topic], int(p))
	}
	found, err := client.OffsetFetch(background, &kafka.OffsetFetchRequest{GroupID: r.Group, Topics: asked})
	if err != nil {
		return nil, err
	}
	told := [][3]any{}
	for _, p := range found.Topics[r.Topic] {
		told = append(told, [3]any{p.Partition, p.CommittedOffset, p.Metadata})
	}
	return told, found.Error
}

func answer(r *talk.Request) (any, error) {
	switch r.Do {
	case "hello":
		return map[string]any{"version": version(), "codecs": []string{"none", "gzip", "snappy", "lz4", "zstd"},
			"can": []string{"classic", "groups", "describe", "offsets", "delete"}}, nil
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
	case "groups", "describe_group", "delete_group", "offsets":
		return groups(r)
	}
	return nil, fmt.Errorf("unsupported: %s", r.Do)
}

func main() { talk.Serve(number, answer) }
