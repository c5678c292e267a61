package sortkey

import (
	"bytes"
	"container/heap"
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// DefaultMemoryMax is the number of bytes that a sort may hold, as in MongoDB.
const DefaultMemoryMax = 100 << 20

// entryOverhead is what an entry takes besides its bytes.
const entryOverhead = 64

// SorterOptions are the limits of a sort. The zero value keeps all documents in memory and
// fails beyond DefaultMemoryMax.
type SorterOptions struct {
	MemoryMax    int64  // bytes; 0 means DefaultMemoryMax
	Limit        int64  // documents wanted from the start of the order; 0 means all
	AllowDiskUse bool   // write sorted runs to files beyond MemoryMax instead of failing
	TempDir      string // where; "" means the system's directory
}

// Sorter sorts documents: Add them, Sort, then Next until it returns false. Documents with
// equal keys keep the order in which they were added. It is used by one goroutine. Close must
// be called at the end, also after an error.
type Sorter struct {
	p    *Pattern
	opts SorterOptions

	entries entries // with a Limit a heap, the last in order on top
	bytes   int64   // that entries take
	added   uint64
	chunk   []byte // new entries are cut from it, unless there is a Limit
	key     []byte

	runs   []*run // written to files; see spill
	merge  merger // of what runs hold, once sorted
	spills int
}

// entry is a document with its key in front.
type entry struct {
	buf []byte
	key int // length
	seq uint64
}

func (e *entry) compare(o *entry) int {
	if c := bytes.Compare(e.buf[:e.key], o.buf[:o.key]); c != 0 {
		return c
	}
	if e.seq < o.seq {
		return -1
	}
	return 1
}

// entries is a heap whose top is the last in order.
type entries []entry

func (e entries) Len() int           { return len(e) }
func (e entries) Less(i, j int) bool { return e[i].compare(&e[j]) > 0 }
func (e entries) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e entries) Push(any)           { panic("sortkey: entries are appended") }
func (e entries) Pop() any           { panic("sortkey: entries are cut") }

// NewSorter returns a sorter by the pattern.
func NewSorter(p *Pattern, o SorterOptions) *Sorter {
	if o.MemoryMax <= 0 {
		o.MemoryMax = DefaultMemoryMax
	}
	return &Sorter{p: p, opts: o}
}

// Add copies a document in. It fails with QueryExceededMemoryLimitNoDiskUse when the limit of
// memory is passed and files are not allowed.
func (s *Sorter) Add(doc bsonx.Doc) error {
	var err error
	if s.key, err = s.p.AppendKey(s.key[:0], doc); err != nil {
		return err
	}
	return s.add(doc)
}

// AddKeyed is Add with a key that the caller has made; the pattern is not used and may be nil.
func (s *Sorter) AddKeyed(key []byte, doc bsonx.Doc) error {
	s.key = append(s.key[:0], key...)
	return s.add(doc)
}

// add adds doc with the key in s.key.
func (s *Sorter) add(doc bsonx.Doc) error {
	s.added++
	switch {
	case s.opts.Limit <= 0:
		s.append(s.alloc(len(s.key)+len(doc)), doc)
	case int64(len(s.entries)) < s.opts.Limit:
		s.append(nil, doc)
		heap.Fix(s.entries, len(s.entries)-1)
	case bytes.Compare(s.key, s.entries[0].buf[:s.entries[0].key]) < 0:
		s.replaceLast(doc)
	default:
		return nil
	}
	if s.bytes <= s.opts.MemoryMax {
		return nil
	}
	if !s.opts.AllowDiskUse {
		return mongoerr.New(mongoerr.QueryExceededMemoryLimitNoDiskUse, "Sort exceeded memory limit of %d bytes, but did not opt in to external sorting. Aborting operation. Pass allowDiskUse:true to opt in.", s.opts.MemoryMax)
	}
	return s.spill()
}

// append adds an entry for doc with the key in s.key, in buf's memory if it has enough.
func (s *Sorter) append(buf []byte, doc bsonx.Doc) {
	buf = append(append(buf, s.key...), doc...)
	s.entries = append(s.entries, entry{buf: buf, key: len(s.key), seq: s.added})
	s.bytes += int64(len(buf)) + entryOverhead
}

// replaceLast puts doc in the place of the last entry in order.
func (s *Sorter) replaceLast(doc bsonx.Doc) {
	top := &s.entries[0]
	s.bytes -= int64(len(top.buf))
	top.buf = append(append(top.buf[:0], s.key...), doc...)
	top.key, top.seq = len(s.key), s.added
	s.bytes += int64(len(top.buf))
	heap.Fix(s.entries, 0)
}

// The sizes, in bytes, of the chunks that entries are cut from. They double.
const (
	chunkMin = 4 << 10
	chunkMax = 1 << 20
)

// alloc returns an empty slice with room for n bytes.
func (s *Sorter) alloc(n int) []byte {
	if cap(s.chunk)-len(s.chunk) < n {
		size := min(max(2*cap(s.chunk), chunkMin), chunkMax)
		s.chunk = make([]byte, 0, max(size, n))
	}
	start := len(s.chunk)
	s.chunk = s.chunk[:start+n]
	return s.chunk[start : start : start+n]
}

func (s *Sorter) sortEntries() {
	slices.SortFunc(s.entries, func(a, b entry) int { return a.compare(&b) })
}

// Sort ends the adding of documents.
func (s *Sorter) Sort() error {
	s.sortEntries()
	sources := make([]source, 0, len(s.runs)+1)
	for _, r := range s.runs {
		if err := r.rewind(); err != nil {
			return err
		}
		sources = append(sources, r)
	}
	return s.merge.start(append(sources, &memorySource{entries: s.entries}), s.opts.Limit)
}

// Next returns the next document in order. It is valid until the next call of Next or Close.
func (s *Sorter) Next() (bsonx.Doc, bool, error) {
	_, doc, ok, err := s.merge.next()
	return doc, ok, err
}

// NextKeyed is Next that returns the document's key, too, which is valid as long.
func (s *Sorter) NextKeyed() (key []byte, doc bsonx.Doc, ok bool, err error) { return s.merge.next() }

// Spills returns how often a sorted run was written to a file.
func (s *Sorter) Spills() int { return s.spills }

// Close releases memory and files. It may be called more than once.
func (s *Sorter) Close() error {
	s.entries, s.chunk, s.merge = nil, nil, merger{}
	var first error
	for _, r := range s.runs {
		if err := r.close(); err != nil && first == nil {
			first = err
		}
	}
	s.runs = nil
	return first
}
