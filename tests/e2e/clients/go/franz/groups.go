package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"imago.e2e/clients/talk"
)

// member polls on a goroutine of its own, tells what it gets, commits it.
type member struct {
	client    *kgo.Client
	positions talk.Positions
	calls     chan func()
	left      chan struct{}
	commits   bool
}

var one *member

func places(from map[string][]int32) (out []talk.Place) {
	for topic, partitions := range from {
		for _, p := range partitions {
			out = append(out, talk.Place{Topic: topic, Partition: p})
		}
	}
	return
}

func join(r *talk.Request) error {
	m := &member{calls: make(chan func()), left: make(chan struct{}), commits: r.Commit != "none"}
	lost := func(_ context.Context, _ *kgo.Client, gone map[string][]int32) {
		m.positions.Own(nil, places(gone), false)
	}
	options := []kgo.Opt{kgo.SeedBrokers(address), kgo.ConsumerGroup(r.Group), kgo.ConsumeTopics(r.Topics...),
		kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxWait(100 * time.Millisecond), kgo.SessionTimeout(time.Duration(r.SessionMs) * time.Millisecond),
		kgo.HeartbeatInterval(time.Duration(r.BeatMs) * time.Millisecond), kgo.MetadataMaxAge(5 * time.Second),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, gained map[string][]int32) {
			m.positions.Own(places(gained), nil, false)
		}), kgo.OnPartitionsRevoked(lost), kgo.OnPartitionsLost(lost)}
	if r.Protocol == "consumer" {
		options = append(options, kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer()))
	} else if r.Assignor == "range" {
		options = append(options, kgo.Balancers(kgo.RangeBalancer()))
	}
	if r.Instance != "" {
		options = append(options, kgo.InstanceID(r.Instance))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return err
	}
	m.client, one = client, m
	go m.run()
	return nil
}

func (m *member) run() {
	for {
		select {
		case <-m.left:
			return
		case work := <-m.calls:
			work()
		default:
			m.take()
		}
	}
}

func (m *member) take() {
	limit, stop := context.WithTimeout(background, 100*time.Millisecond)
	fetches := m.client.PollRecords(limit, 200)
	stop()
	defer m.client.AllowRebalance()
	for _, wrong := range fetches.Errors() {
		if !errors.Is(wrong.Err, context.DeadlineExceeded) {
			talk.Tell("trouble", map[string]any{"text": wrong.Err.Error()})
		}
	}
	got := [][4]any{}
	for _, record := range fetches.Records() {
		got = append(got, [4]any{record.Topic, record.Partition, record.Offset, talk.Text(record.Value)})
		m.positions.Took(talk.Place{Topic: record.Topic, Partition: record.Partition}, record.Offset+1)
	}
	if len(got) == 0 {
		return
	}
	talk.Tell("got", map[string]any{"r": got})
	if m.commits {
		if _, err := m.commitNow(""); err != nil { // it comes too late, or the server is away: it goes on
			talk.Tell("trouble", map[string]any{"text": err.Error()})
		}
	}
}

func (m *member) commitNow(metadata string) (any, error) {
	wanted := m.positions.Consumed()
	offsets := map[string]map[int32]kgo.EpochOffset{}
	for where, next := range wanted {
		if offsets[where.Topic] == nil {
			offsets[where.Topic] = map[int32]kgo.EpochOffset{}
		}
		offsets[where.Topic][where.Partition] = kgo.EpochOffset{Epoch: -1, Offset: next}
	}
	var wrong error
	with := kgo.PreCommitFnContext(background, func(request *kmsg.OffsetCommitRequest) error {
		for t := range request.Topics {
			for p := range request.Topics[t].Partitions {
				request.Topics[t].Partitions[p].Metadata = &metadata
			}
		}
		return nil
	})
	m.client.CommitOffsetsSync(with, offsets,
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
			wrong = err
			if err != nil {
				return
			}
			for _, topic := range response.Topics {
				for _, p := range topic.Partitions {
					if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
						wrong = err
					}
				}
			}
		})
	if wrong != nil {
		return nil, wrong
	}
	return talk.TellCommitted(wanted), nil
}

func (m *member) commit(metadata string) (result any, err error) {
	done := make(chan struct{})
	m.calls <- func() { result, err = m.commitNow(metadata); close(done) }
	<-done
	return
}

func (m *member) leave() error {
	done := make(chan struct{})
	m.calls <- func() { close(m.left); close(done) }
	<-done
	m.client.CloseAllowingRebalance()
	m.positions.Own(nil, nil, true)
	return nil
}

// ---- Groups through kadm ----

func groups(r *talk.Request) (any, error) {
	switch r.Do {
	case "groups":
		found, err := admin().ListGroups(background)
		if err != nil {
			return nil, err
		}
		return found.Groups(), nil
	case "describe_group":
		return describe(r.Group)
	case "delete_group":
		_, err := admin().DeleteGroup(background, r.Group)
		return nil, err
	case "offsets":
		found, err := admin().FetchOffsets(background, r.Group)
		if err != nil {
			return nil, err
		}
		told := [][3]any{}
		for _, p := range r.List() {
			if at, there := found.Lookup(r.Topic, p); there {
				told = append(told, [3]any{p, at.At, at.Metadata})
			} else {
				told = append(told, [3]any{p, -1, ""})
			}
		}
		return told, nil
	}
	wanted := kadm.Offsets{}
	for _, o := range r.Offsets {
		wanted.AddOffset(r.Topic, int32(o[0]), o[1], -1)
	}
	return nil, admin().CommitAllOffsets(background, r.Group, wanted)
}

// describe asks for both kinds of group: a group answers to the request of its own kind only.
func describe(group string) (any, error) {
	old, err := admin().DescribeGroups(background, group)
	if err != nil {
		return nil, err
	}
	if found := old[group]; found.Err == nil && found.State != "Dead" {
		return map[string]any{"state": strings.ToLower(found.State), "members": len(found.Members)}, nil
	}
	young, err := admin().DescribeConsumerGroups(background, group)
	if err != nil {
		return nil, err
	}
	found, there := young[group]
	if !there || found.Err != nil {
		return nil, fmt.Errorf("not described: %w", found.Err)
	}
	return map[string]any{"state": strings.ToLower(found.State), "members": len(found.Members)}, nil
}
