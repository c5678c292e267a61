package command

import (
	"context"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
)

// useOf is what the command counts as in top and in the latencies.
func useOf(s *Spec) catalog.Use {
	switch {
	case s.Name == "commitTransaction", s.Name == "abortTransaction":
		return catalog.UseTransaction
	case s.Counter == CountQuery:
		return catalog.UseQuery
	case s.Counter == CountGetMore:
		return catalog.UseGetMore
	case s.Counter == CountInsert:
		return catalog.UseInsert
	case s.Counter == CountUpdate:
		return catalog.UseUpdate
	case s.Counter == CountDelete:
		return catalog.UseRemove
	case s.Has(Retryable):
		return catalog.UseWriteCommand
	case s.Levels != 0:
		return catalog.UseReadCommand
	case s.Has(Write):
		return catalog.UseChange
	}
	return catalog.UseInfo
}

// used counts a command that has ended, for the server and for its collection.
func (s *Service) used(c *Call, d time.Duration) {
	if c.Spec.Has(Endless) {
		return
	}
	s.usage.Add(c.Spec.use, d)
	if c.coll == "" || !c.executed {
		return
	}
	if coll := c.collection(); coll != nil && coll.State != nil {
		coll.State.Usage.Add(c.Spec.use, d)
	}
}

// cmdTop tells how often collections were used, and for how long.
func cmdTop(_ context.Context, c *Call) error {
	b := c.Reply.StartDoc("totals").String("note", "all times in microseconds")
	for _, coll := range c.Store().Catalog.Current().All() {
		if coll.IsView() {
			continue
		}
		b.StartDoc(coll.NS)
		for _, line := range topLines {
			count, micros := coll.State.Usage.Sum(line.uses...)
			b.StartDoc(line.name).Int64("time", micros).Int64("count", count).End()
		}
		b.End()
	}
	b.End()
	return nil
}

// topLines is the table of top.
var topLines = []struct {
	name string
	uses []catalog.Use
}{
	{"total", append(append(append([]catalog.Use{}, catalog.ReadUses...), catalog.WriteUses...), catalog.CommandUses...)},
	{"readLock", append([]catalog.Use{catalog.UseInfo}, catalog.ReadUses...)},
	{"writeLock", append([]catalog.Use{catalog.UseChange}, catalog.WriteUses...)},
	{"queries", []catalog.Use{catalog.UseQuery}},
	{"getmore", []catalog.Use{catalog.UseGetMore}},
	{"insert", []catalog.Use{catalog.UseInsert}},
	{"update", []catalog.Use{catalog.UseUpdate}},
	{"remove", []catalog.Use{catalog.UseRemove}},
	{"commands", append([]catalog.Use{catalog.UseReadCommand, catalog.UseWriteCommand}, catalog.CommandUses...)},
}

// appendLatencies appends the figures of latencyStats and opLatencies; nil stands for none.
func appendLatencies(b *bsonx.Builder, u *catalog.Usage) {
	for _, line := range [...]struct {
		name string
		uses []catalog.Use
	}{
		{"reads", catalog.ReadUses},
		{"writes", catalog.WriteUses},
		{"commands", catalog.CommandUses},
		{"transactions", []catalog.Use{catalog.UseTransaction}},
	} {
		count, micros := int64(0), int64(0)
		if u != nil {
			count, micros = u.Sum(line.uses...)
		}
		b.StartDoc(line.name).Int64("latency", micros).Int64("ops", count).End()
	}
}
