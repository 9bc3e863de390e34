package main

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"

	"imago.e2e/clients/talk"
)

func topics(r *talk.Request) (any, error) {
	switch r.Do {
	case "create_topic":
		configs := map[string]*string{}
		for name, value := range r.Configs {
			configs[name] = &value
		}
		_, err := admin().CreateTopic(background, int32(r.Number()), 1, configs, r.Topic)
		return nil, err
	case "describe_topic":
		found, err := admin().ListTopics(background, r.Topic)
		if err != nil {
			return nil, err
		}
		if found[r.Topic].Err != nil {
			return nil, found[r.Topic].Err
		}
		return map[string]int{"partitions": len(found[r.Topic].Partitions)}, nil
	case "describe_configs":
		found, err := admin().DescribeTopicConfigs(background, r.Topic)
		if err != nil {
			return nil, err
		}
		told := map[string]*string{}
		for _, config := range found[0].Configs {
			told[config.Key] = config.Value
		}
		return told, found[0].Err
	case "alter_configs":
		changes := []kadm.AlterConfig{}
		for name, value := range r.Put {
			changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: &value})
		}
		for _, name := range r.Drop {
			changes = append(changes, kadm.AlterConfig{Op: kadm.DeleteConfig, Name: name})
		}
		done, err := admin().AlterTopicConfigs(background, changes, r.Topic)
		if err != nil {
			return nil, err
		}
		return nil, done[0].Err
	case "create_partitions":
		done, err := admin().UpdatePartitions(background, r.Total, r.Topic)
		if err != nil {
			return nil, err
		}
		return nil, done.Error()
	case "delete_records":
		before := kadm.Offsets{}
		before.AddOffset(r.Topic, r.Partition, r.Before, -1)
		done, err := admin().DeleteRecords(background, before)
		if err != nil {
			return nil, err
		}
		one, _ := done.Lookup(r.Topic, r.Partition)
		return one.LowWatermark, one.Err
	case "delete_topic":
		_, err := admin().DeleteTopic(background, r.Topic)
		return nil, err
	}
	return offset(r)
}

func offset(r *talk.Request) (any, error) {
	var found kadm.ListedOffsets
	var err error
	switch where, ms := r.Where(); where {
	case "earliest":
		found, err = admin().ListStartOffsets(background, r.Topic)
	case "latest":
		found, err = admin().ListEndOffsets(background, r.Topic)
	case "max_timestamp":
		found, err = admin().ListMaxTimestampOffsets(background, r.Topic)
	default:
		found, err = admin().ListOffsetsAfterMilli(background, ms, r.Topic)
	}
	if err != nil {
		return nil, err
	}
	one, there := found.Lookup(r.Topic, r.Partition)
	if !there {
		return nil, fmt.Errorf("no offset was told")
	}
	return one.Offset, one.Err
}
