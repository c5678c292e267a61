package agg

import (
	"bufio"
	"bytes"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/tandemdb/tandem/internal/bsonx"
)

// runFile holds sorted runs of (key, document) records, one after the other in one
// temporary file, and merges them.
type runFile struct {
	file *os.File
	w    *bufio.Writer
	size int64   // bytes written
	ends []int64 // where the runs end
	head []byte
}

func newRunFile(dir string) (*runFile, error) {
	f, err := tempFile(dir)
	if err != nil {
		return nil, err
	}
	return &runFile{file: f, w: bufio.NewWriterSize(f, 256<<10)}, nil
}

// add appends a record to the current run. Within a run, keys must ascend.
func (f *runFile) add(key []byte, d bsonx.Doc) error {
	f.head = binary.AppendUvarint(f.head[:0], uint64(len(key)))
	f.head = append(f.head, key...)
	for _, b := range [...][]byte{f.head, d} {
		n, err := f.w.Write(b)
		f.size += int64(n)
		if err != nil {
			return fmt.Errorf("write a spill file: %w", err)
		}
	}
	return nil
}

// endRun completes the current run.
func (f *runFile) endRun() { f.ends = append(f.ends, f.size) }

// close frees the file.
func (f *runFile) close() error { return f.file.Close() }

// merge returns a reader of all records, ascending by key and, for equal keys, in the order
// of the runs.
func (f *runFile) merge() (*runMerger, error) {
	if err := f.w.Flush(); err != nil {
		return nil, fmt.Errorf("write a spill file: %w", err)
	}
	m := &runMerger{}
	start := int64(0)
	for i, end := range f.ends {
		r := &runReader{run: i, r: bufio.NewReaderSize(io.NewSectionReader(f.file, start, end-start), 64<<10)}
		start = end
		ok, err := r.next()
		if err != nil {
			return nil, err
		}
		if ok {
			m.readers = append(m.readers, r)
		}
	}
	heap.Init(m)
	return m, nil
}

// runReader reads one run.
type runReader struct {
	run int
	r   *bufio.Reader
	key []byte
	doc bsonx.Doc
}

func (r *runReader) next() (bool, error) {
	n, err := binary.ReadUvarint(r.r)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read a spill file: %w", err)
	}
	if r.key, err = readN(r.r, r.key, int(n)); err != nil {
		return false, err
	}
	size, err := r.r.Peek(4)
	if err != nil {
		return false, fmt.Errorf("read a spill file: %w", err)
	}
	r.doc, err = readN(r.r, r.doc, int(binary.LittleEndian.Uint32(size)))
	return true, err
}

func readN(r io.Reader, buf []byte, n int) ([]byte, error) {
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if _, err := io.ReadFull(r, buf); err != nil {
		return nil, fmt.Errorf("read a spill file: %w", err)
	}
	return buf, nil
}

// runMerger is a heap of runs, the one with the next record on top.
type runMerger struct{ readers []*runReader }

// peek returns the next record, which is valid until advance; ok false at the end.
func (m *runMerger) peek() (key []byte, d bsonx.Doc, ok bool) {
	if len(m.readers) == 0 {
		return nil, nil, false
	}
	return m.readers[0].key, m.readers[0].doc, true
}

// advance moves on to the following record.
func (m *runMerger) advance() error {
	ok, err := m.readers[0].next()
	if err != nil {
		return err
	}
	if ok {
		heap.Fix(m, 0)
	} else {
		heap.Pop(m)
	}
	return nil
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (m *runMerger) Len() int { return len(m.readers) }

// Less orders by key, then by run.
func (m *runMerger) Less(i, j int) bool {
	a, b := m.readers[i], m.readers[j]
	if c := bytes.Compare(a.key, b.key); c != 0 {
		return c < 0
	}
	return a.run < b.run
}

// Swap swaps two runs.
func (m *runMerger) Swap(i, j int) { m.readers[i], m.readers[j] = m.readers[j], m.readers[i] }

// Push is not used: runs only leave.
func (m *runMerger) Push(x any) { m.readers = append(m.readers, x.(*runReader)) }

// Pop removes the last run.
func (m *runMerger) Pop() any {
	n := len(m.readers) - 1
	r := m.readers[n]
	m.readers = m.readers[:n]
	return r
}
