package catalog

import (
	"sync/atomic"
	"time"
)

// Use is a kind of command that a collection is used by.
type Use uint8

// The uses. Other commands are divided by whether they change something.
const (
	UseQuery Use = iota
	UseGetMore
	UseReadCommand // aggregate, count, distinct
	UseInsert
	UseUpdate
	UseRemove
	UseWriteCommand // findAndModify
	UseInfo
	UseChange
	UseTransaction // commit and abort, which name no collection
	uses
)

// Usage counts commands and the time that they took. It is safe for concurrent use.
type Usage [uses]struct{ count, micros atomic.Int64 }

// Add counts one command.
func (u *Usage) Add(use Use, d time.Duration) {
	u[use].count.Add(1)
	u[use].micros.Add(d.Microseconds())
}

// Sum returns the figures of some uses together.
func (u *Usage) Sum(which ...Use) (count, micros int64) {
	for _, use := range which {
		count += u[use].count.Load()
		micros += u[use].micros.Load()
	}
	return count, micros
}

// The uses that reads, writes and other commands consist of, as latencies are reported.
var (
	ReadUses    = []Use{UseQuery, UseGetMore, UseReadCommand}
	WriteUses   = []Use{UseInsert, UseUpdate, UseRemove, UseWriteCommand}
	CommandUses = []Use{UseInfo, UseChange}
)
