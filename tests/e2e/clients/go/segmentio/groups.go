package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"imago.e2e/clients/talk"
)

// member takes part in a group, generation by generation: a Reader for each partition, commits through the generation.
type member struct {
	group     *kafka.ConsumerGroup
	id        string
	positions talk.Positions
	ended     chan struct{}
	commits   bool
	lock      sync.Mutex
	now       *kafka.Generation
}

var one *member

func join(r *talk.Request) error {
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{ID: r.Group, Brokers: []string{address}, Topics: r.Topics,
		HeartbeatInterval: time.Duration(r.BeatMs) * time.Millisecond, RebalanceTimeout: 10 * time.Second,
		SessionTimeout: time.Duration(r.SessionMs) * time.Millisecond, JoinGroupBackoff: 200 * time.Millisecond,
		StartOffset: kafka.FirstOffset, WatchPartitionChanges: true, PartitionWatchInterval: 5 * time.Second})
	if err != nil {
		return err
	}
	m := &member{group: group, id: r.Group, ended: make(chan struct{}), commits: r.Commit != "none"}
	one = m
	go m.run()
	return nil
}

func (m *member) run() {
	defer close(m.ended)
	for {
		generation, err := m.group.Next(background)
		if errors.Is(err, kafka.ErrGroupClosed) {
			return
		}
		if err != nil {
			talk.Tell("trouble", map[string]any{"text": err.Error()})
			continue
		}
		m.lock.Lock()
		m.now = generation
		m.lock.Unlock()
		owned := []talk.Place{}
		for topic, partitions := range generation.Assignments {
			for _, p := range partitions {
				owned = append(owned, talk.Place{Topic: topic, Partition: int32(p.ID)})
			}
		}
		m.positions.Own(owned, nil, true)
		for topic, partitions := range generation.Assignments {
			for _, p := range partitions {
				generation.Start(func(live context.Context) { m.read(live, generation, topic, p) })
			}
		}
		generation.Start(func(live context.Context) {
			<-live.Done()
			m.positions.Own(nil, nil, true)
		})
	}
}

// read takes what one partition has, then commits it, until the generation ends.
func (m *member) read(live context.Context, generation *kafka.Generation, topic string, p kafka.PartitionAssignment) {
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{address}, Topic: topic, Partition: p.ID, MinBytes: 1,
		MaxBytes: 8 << 20, MaxWait: 100 * time.Millisecond})
	defer reader.Close()
	if err := reader.SetOffset(p.Offset); err != nil {
		talk.Tell("trouble", map[string]any{"text": err.Error()})
	}
	for live.Err() == nil {
		message, err := reader.FetchMessage(live)
		if err != nil {
			if live.Err() == nil {
				talk.Tell("trouble", map[string]any{"text": err.Error()})
				time.Sleep(50 * time.Millisecond)
			}
			continue
		}
		got := [][4]any{}
		for {
			got = append(got, [4]any{message.Topic, message.Partition, message.Offset, talk.Text(message.Value)})
			if len(got) == 200 {
				break
			}
			short, stop := context.WithTimeout(live, 10*time.Millisecond)
			next, err := reader.FetchMessage(short)
			stop()
			if err != nil {
				break
			}
			message = next
		}
		talk.Tell("got", map[string]any{"r": got})
		where := talk.Place{Topic: topic, Partition: int32(p.ID)}
		m.positions.Took(where, message.Offset+1)
		if !m.commits {
			continue
		}
		if err := generation.CommitOffsets(map[string]map[int]int64{topic: {p.ID: message.Offset + 1}}); err != nil {
			talk.Tell("trouble", map[string]any{"text": err.Error()})
		} else {
			talk.TellCommitted(map[talk.Place]int64{where: message.Offset + 1})
		}
	}
}

// commit goes through the Client: a generation commits no metadata.
func (m *member) commit(metadata string) (any, error) {
	m.lock.Lock()
	generation := m.now
	m.lock.Unlock()
	wanted := m.positions.Consumed()
	topics := map[string][]kafka.OffsetCommit{}
	for where, next := range wanted {
		topics[where.Topic] = append(topics[where.Topic],
			kafka.OffsetCommit{Partition: int(where.Partition), Offset: next, Metadata: metadata})
	}
	done, err := client.OffsetCommit(background, &kafka.OffsetCommitRequest{GroupID: m.id, Topics: topics,
		GenerationID: int(generation.ID), MemberID: generation.MemberID})
	if err != nil {
		return nil, err
	}
	for _, topic := range done.Topics {
		for _, p := range topic {
			if p.Error != nil {
				return nil, p.Error
			}
		}
	}
	return talk.TellCommitted(wanted), nil
}

func (m *member) leave() error {
	err := m.group.Close()
	<-m.ended
	m.positions.Own(nil, nil, true)
	return err
}
