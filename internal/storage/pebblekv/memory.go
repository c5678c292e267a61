package pebblekv

import (
	"sync/atomic"

	"github.com/tandemdb/tandem/internal/storage"
)

// memory is the budget that all open transactions share.
type memory struct {
	used   atomic.Int64
	total  int64
	oneTxn int64
}

// memoryStep is how much a transaction reserves at a time, memoryFree how much
// each may use without asking.
const (
	memoryStep = 256 << 10
	memoryFree = 16 << 10
)

// entryOverhead is what a write or lock costs beyond its bytes, about.
const entryOverhead = 96

func (m *memory) init(total, oneTxn int64) {
	m.total, m.oneTxn = total, oneTxn
}

// charge adds n bytes to s and reports whether they fit.
func (s *txnState) charge(n int) error {
	s.bytes += int64(n)
	if s.bytes <= s.reserved || s.bytes <= memoryFree {
		return nil
	}
	m := &s.t.db.memory
	if s.bytes > m.oneTxn {
		s.bytes -= int64(n)
		return storage.ErrTxnMemory
	}
	step := max(memoryStep, s.bytes-s.reserved)
	if m.used.Add(step) > m.total {
		m.used.Add(-step)
		// The last bit of the budget goes by exact numbers.
		step = s.bytes - s.reserved
		if m.used.Add(step) > m.total {
			m.used.Add(-step)
			s.bytes -= int64(n)
			return storage.ErrTxnMemory
		}
	}
	s.reserved += step
	return nil
}

// discharge ends the reservation of s.
func (s *txnState) discharge() {
	if s.reserved > 0 {
		s.t.db.memory.used.Add(-s.reserved)
	}
	s.reserved, s.bytes = 0, 0
}
