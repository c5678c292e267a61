package agg

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// docBuffer keeps documents in the order in which they were added, to be read any number of
// times. Beyond max bytes it goes on in a temporary file, or fails where disk use is not
// allowed.
type docBuffer struct {
	stage string
	opts  *Options
	max   int64

	// refusal is the error for when the disk is needed and may not be used.
	refusal error

	mem  []bsonx.Doc
	size int64 // of mem

	file *os.File
	w    *bufio.Writer
}

func newDocBuffer(stage string, opts *Options) *docBuffer {
	return &docBuffer{stage: stage, opts: opts, max: opts.MemoryMax, refusal: memoryExceeded(stage, opts.MemoryMax)}
}

// docOverhead is what a kept document costs beside its bytes.
const docOverhead = 48

// add appends a copy of d.
func (b *docBuffer) add(d bsonx.Doc) error {
	if b.file != nil {
		return b.write(d)
	}
	if b.size+int64(len(d))+docOverhead > b.max {
		if err := b.spill(); err != nil {
			return err
		}
		return b.write(d)
	}
	b.size += int64(len(d)) + docOverhead
	b.mem = append(b.mem, d.Clone())
	return nil
}

func (b *docBuffer) spill() error {
	if !b.opts.AllowDiskUse {
		return b.refusal
	}
	f, err := tempFile(b.opts.TempDir)
	if err != nil {
		return err
	}
	b.file, b.w = f, bufio.NewWriterSize(f, 64<<10)
	return nil
}

func (b *docBuffer) write(d bsonx.Doc) error {
	if _, err := b.w.Write(d); err != nil {
		return fmt.Errorf("spill documents of %s: %w", b.stage, err)
	}
	return nil
}

// reader returns an iterator-like reader from the first document on. No document may be
// added afterwards.
func (b *docBuffer) reader() (*bufferReader, error) {
	r := &bufferReader{mem: b.mem}
	if b.file == nil {
		return r, nil
	}
	if err := b.w.Flush(); err != nil {
		return nil, fmt.Errorf("spill documents of %s: %w", b.stage, err)
	}
	r.file = bufio.NewReaderSize(io.NewSectionReader(b.file, 0, 1<<62), 64<<10)
	return r, nil
}

// close frees the memory and the file.
func (b *docBuffer) close() error {
	b.mem = nil
	if b.file == nil {
		return nil
	}
	err := b.file.Close()
	b.file = nil
	return err
}

// bufferReader reads a docBuffer. A document is valid until the next one is read.
type bufferReader struct {
	mem  []bsonx.Doc
	file *bufio.Reader
	buf  []byte
}

func (r *bufferReader) next() (bsonx.Doc, bool, error) {
	if len(r.mem) > 0 {
		d := r.mem[0]
		r.mem = r.mem[1:]
		return d, true, nil
	}
	if r.file == nil {
		return nil, false, nil
	}
	head, err := r.file.Peek(4)
	if err != nil {
		if errors.Is(err, io.EOF) && len(head) == 0 {
			return nil, false, nil
		}
		return nil, false, fmt.Errorf("read spilled documents: %w", err)
	}
	n := int(binary.LittleEndian.Uint32(head))
	if cap(r.buf) < n {
		r.buf = make([]byte, n)
	}
	r.buf = r.buf[:n]
	if _, err := io.ReadFull(r.file, r.buf); err != nil {
		return nil, false, fmt.Errorf("read spilled documents: %w", err)
	}
	return r.buf, true, nil
}

// memoryExceeded is the error of a stage that needs the disk and may not use it.
func memoryExceeded(stage string, limit int64) error {
	return mongoerr.New(mongoerr.QueryExceededMemoryLimitNoDiskUse,
		"Exceeded memory limit for %s, but didn't allow external sort/spill. Pass allowDiskUse:true to opt in. The limit is %d bytes.", stage, limit)
}

// tempFile returns a file that has no name any more, so that it is gone when it is closed
// or the process ends.
func tempFile(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "agg-spill-")
	if err != nil {
		return nil, fmt.Errorf("create a spill file: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("unlink a spill file: %w", err)
	}
	return f, nil
}
