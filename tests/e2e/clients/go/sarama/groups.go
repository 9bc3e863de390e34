package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"imago.e2e/clients/talk"
)

// member takes part in a group: tells what it gets and commits it. sarama does not say which commits were acknowledged.
type member struct {
	group     sarama.ConsumerGroup
	positions talk.Positions
	stop      context.CancelFunc
	ended     chan struct{}
	commits   bool
	lock      sync.Mutex
	session   sarama.ConsumerGroupSession
}

var one *member

func join(r *talk.Request) error {
	c := config()
	c.Consumer.Offsets.AutoCommit.Enable = false
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.MaxWaitTime = 100 * time.Millisecond
	c.Consumer.Return.Errors = true
	c.Consumer.Group.Session.Timeout = time.Duration(r.SessionMs) * time.Millisecond
	c.Consumer.Group.Heartbeat.Interval = time.Duration(r.BeatMs) * time.Millisecond
	c.Consumer.Group.Rebalance.Retry.Backoff = 200 * time.Millisecond
	c.Consumer.Group.InstanceId = r.Instance
	if r.Assignor == "cooperative-sticky" {
		c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyCooperativeSticky()}
	}
	c.Metadata.RefreshFrequency = 5 * time.Second
	group, err := sarama.NewConsumerGroup(address, r.Group, c)
	if err != nil {
		return err
	}
	live, stop := context.WithCancel(context.Background())
	m := &member{group: group, stop: stop, ended: make(chan struct{}), commits: r.Commit != "none"}
	one = m
	go func() {
		for wrong := range group.Errors() {
			talk.Tell("trouble", map[string]any{"text": wrong.Error()})
		}
	}()
	go func() {
		defer close(m.ended)
		for live.Err() == nil {
			if err := group.Consume(live, r.Topics, m); err != nil && !errors.Is(err, context.Canceled) {
				talk.Tell("trouble", map[string]any{"text": err.Error()})
				time.Sleep(100 * time.Millisecond)
			}
		}
	}()
	return nil
}

func (m *member) Setup(session sarama.ConsumerGroupSession) error {
	m.lock.Lock()
	m.session = session
	m.lock.Unlock()
	owned := []talk.Place{}
	for topic, partitions := range session.Claims() {
		for _, p := range partitions {
			owned = append(owned, talk.Place{Topic: topic, Partition: p})
		}
	}
	m.positions.Own(owned, nil, true)
	return nil
}

func (m *member) Cleanup(sarama.ConsumerGroupSession) error {
	m.positions.Own(nil, nil, true)
	return nil
}

// ConsumeClaim takes what is there of one queue, then commits it.
func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case <-session.Context().Done():
			return nil
		case first, open := <-claim.Messages():
			if !open {
				return nil
			}
			got := [][4]any{}
			for next := first; next != nil; {
				got = append(got, [4]any{next.Topic, next.Partition, next.Offset, talk.Text(next.Value)})
				m.positions.Took(talk.Place{Topic: next.Topic, Partition: next.Partition}, next.Offset+1)
				session.MarkMessage(next, "")
				next = nil
				if len(got) < 200 {
					select {
					case next = <-claim.Messages():
					default:
					}
				}
			}
			talk.Tell("got", map[string]any{"r": got})
			if m.commits {
				session.Commit()
			}
		}
	}
}

func (m *member) commit(metadata string) (any, error) {
	m.lock.Lock()
	session := m.session
	m.lock.Unlock()
	told := [][3]any{}
	for where, next := range m.positions.Consumed() {
		session.ResetOffset(where.Topic, where.Partition, next, metadata)
		told = append(told, [3]any{where.Topic, where.Partition, next})
	}
	session.Commit()
	return told, nil
}

func (m *member) leave() error {
	m.stop()
	<-m.ended
	return m.group.Close()
}

// ---- Groups through the cluster admin ----

func groups(r *talk.Request) (any, error) {
	switch r.Do {
	case "groups":
		found, err := admin().ListConsumerGroups()
		names := []string{}
		for name := range found {
			names = append(names, name)
		}
		return names, err
	case "describe_group":
		found, err := admin().DescribeConsumerGroups([]string{r.Group})
		if err != nil {
			return nil, err
		}
		if found[0].Err != sarama.ErrNoError {
			return nil, found[0].Err
		}
		return map[string]any{"state": strings.ToLower(found[0].State), "members": len(found[0].Members)}, nil
	case "delete_group":
		return nil, admin().DeleteConsumerGroup(r.Group)
	case "offsets":
		found, err := admin().ListConsumerGroupOffsetsBatch(map[string]map[string][]int32{r.Group: {r.Topic: r.List()}})
		if err != nil {
			return nil, err
		}
		group := found[r.Group]
		if group == nil {
			return nil, fmt.Errorf("the answer does not name the group")
		}
		told := [][3]any{}
		for _, p := range r.List() {
			block := group.Blocks[r.Topic][p]
			told = append(told, [3]any{p, block.Offset, block.Metadata})
		}
		return told, nil
	}
	wanted := map[int32]sarama.OffsetAndMetadata{}
	for _, o := range r.Offsets {
		wanted[int32(o[0])] = sarama.OffsetAndMetadata{Offset: o[1], LeaderEpoch: -1}
	}
	done, err := admin().AlterConsumerGroupOffsets(r.Group, map[string]map[int32]sarama.OffsetAndMetadata{r.Topic: wanted}, nil)
	if err != nil {
		return nil, err
	}
	for _, topic := range done.Errors {
		for _, code := range topic {
			if code != sarama.ErrNoError {
				return nil, code
			}
		}
	}
	return nil, nil
}
