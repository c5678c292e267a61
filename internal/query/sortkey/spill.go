package sortkey

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// fileBuffer is the size in bytes of the buffer that runs are written and read through.
const fileBuffer = 64 << 10

// run is a file of entries in order: length of the key, length of the document, key, document.
type run struct {
	file *os.File
	r    *bufio.Reader
	buf  []byte // the entry that was read last
}

// spill writes all entries to a new run and forgets them.
func (s *Sorter) spill() error {
	s.sortEntries()
	f, err := os.CreateTemp(s.opts.TempDir, "sort-*")
	if err != nil {
		return fileError(err)
	}
	// Where the system allows it the file has no name from now on, so that it cannot
	// outlive the process.
	_ = os.Remove(f.Name())
	s.runs = append(s.runs, &run{file: f})
	w := bufio.NewWriterSize(f, fileBuffer)
	var lengths [2 * binary.MaxVarintLen64]byte
	for i := range s.entries {
		e := &s.entries[i]
		n := binary.PutUvarint(lengths[:], uint64(e.key))
		n += binary.PutUvarint(lengths[n:], uint64(len(e.buf)-e.key))
		_, _ = w.Write(lengths[:n]) // the writer keeps its first error for Flush
		_, _ = w.Write(e.buf)
	}
	if err := w.Flush(); err != nil {
		return fileError(err)
	}
	clear(s.entries)
	s.entries, s.bytes, s.chunk = s.entries[:0], 0, nil
	s.spills++
	return nil
}

func (r *run) rewind() error {
	if _, err := r.file.Seek(0, io.SeekStart); err != nil {
		return fileError(err)
	}
	r.r = bufio.NewReaderSize(r.file, fileBuffer)
	return nil
}

func (r *run) next() ([]byte, bsonx.Doc, bool, error) {
	key, err := binary.ReadUvarint(r.r)
	if errors.Is(err, io.EOF) {
		return nil, nil, false, nil
	}
	if err != nil {
		return nil, nil, false, fileError(err)
	}
	doc, err := binary.ReadUvarint(r.r)
	if err != nil {
		return nil, nil, false, fileError(err)
	}
	if size := int(key + doc); cap(r.buf) < size {
		r.buf = make([]byte, size)
	} else {
		r.buf = r.buf[:size]
	}
	if _, err := io.ReadFull(r.r, r.buf); err != nil {
		return nil, nil, false, fileError(err)
	}
	return r.buf[:key], r.buf[key:], true, nil
}

func (r *run) close() error {
	err := r.file.Close()
	if rerr := os.Remove(r.file.Name()); rerr != nil && !errors.Is(rerr, os.ErrNotExist) && err == nil {
		err = rerr
	}
	if err != nil {
		return fileError(err)
	}
	return nil
}

func fileError(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return mongoerr.New(mongoerr.OutOfDiskSpace, "error writing a sorted run to disk: %w", err)
	}
	return mongoerr.New(mongoerr.FileStreamFailed, "error in the file of a sorted run: %w", err)
}
