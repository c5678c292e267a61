package sortkey

import (
	"bytes"
	"container/heap"

	"github.com/tandemdb/tandem/internal/bsonx"
)

// source gives entries in order.
type source interface {
	// next returns the key and the document of the next entry, valid until the next call.
	next() (key []byte, doc bsonx.Doc, ok bool, err error)
}

// memorySource gives sorted entries.
type memorySource struct{ entries entries }

func (m *memorySource) next() ([]byte, bsonx.Doc, bool, error) {
	if len(m.entries) == 0 {
		return nil, nil, false, nil
	}
	e := m.entries[0]
	m.entries = m.entries[1:]
	return e.buf[:e.key], e.buf[e.key:], true, nil
}

// head is a source and its entry that is next.
type head struct {
	source
	key  []byte
	doc  bsonx.Doc
	rank int // decides between equal keys
}

// merger merges sources. It is a heap of their heads, the first in order on top.
type merger struct {
	heads []head
	left  int64 // entries still wanted, below zero for all
	given bool  // the top was returned and has to be moved on
}

func (m *merger) Len() int { return len(m.heads) }
func (m *merger) Less(i, j int) bool {
	a, b := &m.heads[i], &m.heads[j]
	if c := bytes.Compare(a.key, b.key); c != 0 {
		return c < 0
	}
	return a.rank < b.rank
}
func (m *merger) Swap(i, j int) { m.heads[i], m.heads[j] = m.heads[j], m.heads[i] }
func (m *merger) Push(any)      { panic("sortkey: heads are appended") }
func (m *merger) Pop() any      { panic("sortkey: heads are cut") }

// start merges sources, of which the earlier has the earlier of equal entries, up to limit
// entries, 0 for all.
func (m *merger) start(sources []source, limit int64) error {
	*m = merger{left: limit}
	if limit <= 0 {
		m.left = -1
	}
	for i, s := range sources {
		key, doc, ok, err := s.next()
		if err != nil {
			return err
		}
		if ok {
			m.heads = append(m.heads, head{s, key, doc, i})
		}
	}
	heap.Init(m)
	return nil
}

func (m *merger) next() (key []byte, doc bsonx.Doc, ok bool, err error) {
	if m.given {
		if err := m.advance(); err != nil {
			return nil, nil, false, err
		}
	}
	if len(m.heads) == 0 || m.left == 0 {
		return nil, nil, false, nil
	}
	m.left--
	m.given = true
	return m.heads[0].key, m.heads[0].doc, true, nil
}

// advance moves the top on to its next entry.
func (m *merger) advance() error {
	m.given = false
	top := &m.heads[0]
	key, doc, ok, err := top.next()
	if err != nil {
		return err
	}
	if ok {
		top.key, top.doc = key, doc
	} else {
		last := len(m.heads) - 1
		m.heads[0] = m.heads[last]
		m.heads = m.heads[:last]
	}
	if len(m.heads) > 1 {
		heap.Fix(m, 0)
	}
	return nil
}
