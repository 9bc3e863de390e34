// sarama: its own protocol code; sync producer, partition consumers, consumer groups, its cluster admin.
package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/IBM/sarama"

	"imago.e2e/clients/talk"
)

var (
	address   = []string{os.Args[1]}
	producers = map[string]sarama.SyncProducer{}
	shared    sarama.ClusterAdmin
)

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, dep := range info.Deps {
		if dep.Path == "github.com/IBM/sarama" {
			return dep.Version
		}
	}
	return "?"
}

func number(err error) (int, bool) {
	var code sarama.KError
	if errors.As(err, &code) {
		return int(code), true
	}
	var topic *sarama.TopicError
	if errors.As(err, &topic) {
		return int(topic.Err), true
	}
	var partitions *sarama.TopicPartitionError
	if errors.As(err, &partitions) {
		return int(partitions.Err), true
	}
	return 0, false
}

func config() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.MaxVersion
	c.ClientID = "imago-e2e"
	c.Net.DialTimeout = 5 * time.Second
	return c
}

func produce(r *talk.Request) (any, error) {
	p := producers[r.Codec]
	if p == nil {
		c := config()
		c.Producer.RequiredAcks = sarama.WaitForAll
		c.Producer.Idempotent = true
		c.Net.MaxOpenRequests = 1
		c.Producer.Partitioner = sarama.NewManualPartitioner
		c.Producer.Return.Successes = true
		c.Producer.Flush.Frequency = 20 * time.Millisecond
		if err := c.Producer.Compression.UnmarshalText([]byte(r.Codec)); err != nil {
			return nil, err
		}
		made, err := sarama.NewSyncProducer(address, c)
		if err != nil {
			return nil, err
		}
		producers[r.Codec], p = made, made
	}
	messages := make([]*sarama.ProducerMessage, len(r.Records))
	for i, one := range r.Records {
		m := &sarama.ProducerMessage{Topic: r.Topic, Partition: one.Partition}
		if one.Key != nil {
			m.Key = sarama.ByteEncoder(one.Key)
		}
		if one.Value != nil {
			m.Value = sarama.ByteEncoder(one.Value)
		}
		if one.Time != nil {
			m.Timestamp = time.UnixMilli(*one.Time)
		}
		for _, h := range one.Headers {
			m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(h.Name), Value: h.Value})
		}
		messages[i] = m
	}
	if err := p.SendMessages(messages); err != nil {
		return nil, err
	}
	offsets := make([]int64, len(messages))
	for i, m := range messages {
		offsets[i] = m.Offset
	}
	return offsets, nil
}

func consume(r *talk.Request) (any, error) {
	c := config()
	c.Consumer.MaxWaitTime = r.MaxWait()
	c.Consumer.Return.Errors = true
	client, err := sarama.NewClient(address, c)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	come := make(chan *sarama.ConsumerMessage)
	wrong := make(chan error, 16)
	done := make(chan struct{})
	defer close(done)
	for _, p := range r.List() {
		from := sarama.OffsetOldest
		if r.Begin.Offset != nil {
			from = *r.Begin.Offset
		} else if r.Begin.Time != nil {
			if from, err = client.GetOffset(r.Topic, p, *r.Begin.Time); err != nil {
				return nil, err
			}
		}
		one, err := consumer.ConsumePartition(r.Topic, p, from)
		if err != nil {
			return nil, err
		}
		defer one.AsyncClose()
		go func() {
			for {
				select {
				case m := <-one.Messages():
					select {
					case come <- m:
					case <-done:
						return
					}
				case err := <-one.Errors():
					wrong <- err
				case <-done:
					return
				}
			}
		}()
	}
	got := []talk.Record{}
	for limit := time.After(r.Timeout()); len(got) < r.Count; {
		select {
		case m := <-come:
			ms := m.Timestamp.UnixMilli()
			headers := []talk.Header{}
			for _, h := range m.Headers {
				headers = append(headers, talk.Header{Name: string(h.Key), Value: h.Value})
			}
			got = append(got, talk.Record{Partition: m.Partition, Offset: m.Offset, Time: &ms, Key: m.Key, Value: m.Value,
				Headers: headers})
		case err := <-wrong:
			return nil, err
		case <-limit:
			return got, nil
		}
	}
	return got, nil
}

func admin() sarama.ClusterAdmin {
	if shared == nil {
		made, err := sarama.NewClusterAdmin(address, config())
		if err != nil {
			panic(err)
		}
		shared = made
	}
	return shared
}

func topics(r *talk.Request) (any, error) {
	switch r.Do {
	case "create_topic":
		entries := map[string]*string{}
		for name, value := range r.Configs {
			entries[name] = &value
		}
		return nil, admin().CreateTopic(r.Topic, &sarama.TopicDetail{NumPartitions: int32(r.Number()), ReplicationFactor: 1,
			ConfigEntries: entries}, false)
	case "describe_topic":
		found, err := admin().DescribeTopics([]string{r.Topic})
		if err != nil {
			return nil, err
		}
		if found[0].Err != sarama.ErrNoError {
			return nil, found[0].Err
		}
		return map[string]int{"partitions": len(found[0].Partitions)}, nil
	case "describe_configs":
		found, err := admin().DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: r.Topic})
		told := map[string]string{}
		for _, entry := range found {
			told[entry.Name] = entry.Value
		}
		return told, err
	case "alter_configs":
		changes := map[string]sarama.IncrementalAlterConfigsEntry{}
		for name, value := range r.Put {
			changes[name] = sarama.IncrementalAlterConfigsEntry{Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value}
		}
		for _, name := range r.Drop {
			changes[name] = sarama.IncrementalAlterConfigsEntry{Operation: sarama.IncrementalAlterConfigsOperationDelete}
		}
		return nil, admin().IncrementalAlterConfig(sarama.TopicResource, r.Topic, changes, false)
	case "create_partitions":
		return nil, admin().CreatePartitions(r.Topic, int32(r.Total), nil, false)
	case "delete_records":
		return r.Before, admin().DeleteRecords(r.Topic, map[int32]int64{r.Partition: r.Before})
	case "delete_topic":
		return nil, admin().DeleteTopic(r.Topic)
	}
	where, at := r.Where()
	switch where {
	case "earliest":
		at = sarama.OffsetOldest
	case "latest":
		at = sarama.OffsetNewest
	}
	found, err := admin().ListOffsets(map[string]map[int32]int64{r.Topic: {r.Partition: at}}, nil)
	if err != nil {
		return nil, err
	}
	if wrong := found[r.Topic][r.Partition].Err; wrong != nil && !errors.Is(wrong, sarama.ErrNoError) {
		return nil, wrong
	}
	return found[r.Topic][r.Partition].Offset, nil
}

func answer(r *talk.Request) (any, error) {
	switch r.Do {
	case "hello":
		return map[string]any{"version": version(), "codecs": []string{"none", "gzip", "snappy", "lz4", "zstd"},
			"can": []string{"topics", "classic", "cooperative", "static", "groups", "describe", "offsets",
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

func main() {
	sarama.Logger = log.New(io.Discard, "", 0)
	if verbose, _ := strconv.ParseBool(os.Getenv("IMAGO_E2E_VERBOSE")); verbose {
		sarama.Logger = log.New(os.Stderr, "", log.LstdFlags)
	}
	talk.Serve(number, answer)
}
