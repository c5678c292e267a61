package agg

import (
	"bytes"
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
)

// keySorter sorts documents by keys that the caller makes. Equal keys keep their order.
// Beyond the memory limit it writes sorted runs. With a limit it keeps the lowest ones only.
type keySorter struct {
	stage string
	opts  *Options
	limit int // 0 for none

	entries []sortEntry
	size    int64
	spill   *runFile
	merger  *runMerger
	last    bool // the merger's record was returned
}

type sortEntry struct {
	key []byte
	doc bsonx.Doc
}

// entryOverhead is what an entry costs beside its bytes.
const entryOverhead = 64

// add takes copies of key and d.
func (s *keySorter) add(key []byte, d bsonx.Doc) error {
	buf := make([]byte, 0, len(key)+len(d))
	buf = append(append(buf, key...), d...)
	s.entries = append(s.entries, sortEntry{buf[:len(key):len(key)], buf[len(key):]})
	s.size += int64(len(buf)) + entryOverhead
	if s.limit > 0 && len(s.entries) >= 2*s.limit+64 {
		s.cut()
	}
	if s.size <= s.opts.MemoryMax {
		return nil
	}
	return s.spillRun()
}

func (s *keySorter) sortEntries() {
	slices.SortStableFunc(s.entries, func(a, b sortEntry) int { return bytes.Compare(a.key, b.key) })
}

// cut drops what is not among the lowest.
func (s *keySorter) cut() {
	s.sortEntries()
	if s.limit == 0 || len(s.entries) <= s.limit {
		return
	}
	for _, e := range s.entries[s.limit:] {
		s.size -= int64(len(e.key)+len(e.doc)) + entryOverhead
	}
	clear(s.entries[s.limit:])
	s.entries = s.entries[:s.limit]
}

func (s *keySorter) spillRun() error {
	if !s.opts.AllowDiskUse {
		return memoryExceeded(s.stage, s.opts.MemoryMax)
	}
	if s.spill == nil {
		f, err := newRunFile(s.opts.TempDir)
		if err != nil {
			return err
		}
		s.spill = f
	}
	s.cut()
	for _, e := range s.entries {
		if err := s.spill.add(e.key, e.doc); err != nil {
			return err
		}
	}
	s.spill.endRun()
	s.entries, s.size = nil, 0
	return nil
}

// finish ends adding. next may be called then.
func (s *keySorter) finish() (err error) {
	if s.spill == nil {
		s.cut()
		return nil
	}
	if err := s.spillRun(); err != nil {
		return err
	}
	s.merger, err = s.spill.merge()
	return err
}

// next returns the next document and its key, which are valid until the following call.
func (s *keySorter) next() (key []byte, d bsonx.Doc, ok bool, err error) {
	if s.merger == nil {
		if len(s.entries) == 0 {
			return nil, nil, false, nil
		}
		e := s.entries[0]
		s.entries[0] = sortEntry{}
		s.entries = s.entries[1:]
		return e.key, e.doc, true, nil
	}
	if s.last {
		s.last = false
		if err := s.merger.advance(); err != nil {
			return nil, nil, false, err
		}
	}
	key, d, s.last = s.merger.peek()
	return key, d, s.last, nil
}

func (s *keySorter) close() error {
	s.entries, s.merger = nil, nil
	if s.spill == nil {
		return nil
	}
	err := s.spill.close()
	s.spill = nil
	return err
}
