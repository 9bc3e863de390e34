package talk

import (
	"sort"
	"sync"
)

// Place is one queue: a partition of a topic.
type Place struct {
	Topic     string
	Partition int32
}

// Positions is what a member owns and how far it has consumed. Safe from any goroutine.
type Positions struct {
	lock sync.Mutex
	at   map[Place]int64 // -1: owned, nothing consumed yet
}

// Own tells the driver all that the member has now.
func (p *Positions) Own(gained, lost []Place, all bool) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.at == nil || all {
		p.at = map[Place]int64{}
	}
	for _, one := range lost {
		delete(p.at, one)
	}
	for _, one := range gained {
		p.at[one] = -1
	}
	parts := [][2]any{}
	for one := range p.at {
		parts = append(parts, [2]any{one.Topic, one.Partition})
	}
	sort.Slice(parts, func(i, j int) bool { return parts[i][1].(int32) < parts[j][1].(int32) })
	Tell("owned", map[string]any{"parts": parts})
}

// Took notes that the member has consumed up to next in a queue that it owns.
func (p *Positions) Took(one Place, next int64) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if _, mine := p.at[one]; mine {
		p.at[one] = next
	}
}

// Consumed is how far the member has come where it has consumed anything.
func (p *Positions) Consumed() map[Place]int64 {
	p.lock.Lock()
	defer p.lock.Unlock()
	out := map[Place]int64{}
	for one, next := range p.at {
		if next >= 0 {
			out[one] = next
		}
	}
	return out
}

// TellCommitted tells the driver what the server has acknowledged, and returns it.
func TellCommitted(offsets map[Place]int64) [][3]any {
	told := [][3]any{}
	for one, next := range offsets {
		told = append(told, [3]any{one.Topic, one.Partition, next})
	}
	if len(told) > 0 {
		Tell("committed", map[string]any{"o": told})
	}
	return told
}

// Text is a value as the driver wants it: each byte one character.
func Text(value []byte) string {
	out := make([]rune, len(value))
	for i, b := range value {
		out[i] = rune(b)
	}
	return string(out)
}
