package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ping() bsonx.Doc {
	return bsonx.NewBuilder(nil).Int32("ping", 1).String("$db", "admin").Build()
}

// frame builds a message of any content.
func frame(op wire.OpCode, content ...[]byte) []byte {
	body := bytes.Join(content, nil)
	b := binary.LittleEndian.AppendUint32(nil, uint32(wire.HeaderSize+len(body)))
	b = binary.LittleEndian.AppendUint32(b, 7)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(op))
	return append(b, body...)
}

func u32(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }

func section0(d bsonx.Doc) []byte { return append([]byte{0}, d...) }

func section1(id string, docs ...bsonx.Doc) []byte {
	content := append([]byte(id), 0)
	for _, d := range docs {
		content = append(content, d...)
	}
	return append(append([]byte{1}, u32(uint32(4+len(content)))...), content...)
}

func nested(depth int) bsonx.Doc {
	d := bsonx.Empty
	for range depth - 1 {
		d = bsonx.NewBuilder(nil).Doc("a", d).Build()
	}
	return d
}

func withDB(key string, d bsonx.Doc) bsonx.Doc {
	return bsonx.NewBuilder(nil).Doc(key, d).String("$db", "test").Build()
}

func TestReadMsg(t *testing.T) {
	one := bsonx.NewBuilder(nil).Int32("_id", 1).Build()
	two := bsonx.NewBuilder(nil).Int32("_id", 2).Build()
	insert := bsonx.NewBuilder(nil).String("insert", "c").String("$db", "test").Build()

	stream := wire.AppendMsg(nil, 5, 0, wire.ChecksumPresent|wire.ExhaustAllowed, ping())
	stream = append(stream, frame(wire.OpMsg, u32(uint32(wire.MoreToCome)), section1("documents", one, two), section0(insert))...)
	r := wire.NewReader(bytes.NewReader(stream), 0)

	m, err := r.Read()
	require.NoError(t, err)
	require.Equal(t, int32(5), m.RequestID)
	require.Equal(t, wire.OpMsg, m.OpCode)
	require.Equal(t, wire.ChecksumPresent|wire.ExhaustAllowed, m.Flags)
	require.True(t, m.Checksum)
	require.Equal(t, ping(), m.Body)
	require.Empty(t, m.Sequences)

	m, err = r.Read()
	require.NoError(t, err)
	require.Equal(t, wire.MoreToCome, m.Flags)
	require.False(t, m.Checksum)
	require.Equal(t, insert, m.Body)
	docs, ok := m.Sequence("documents")
	require.True(t, ok)
	first, docs, ok := wire.Next(docs)
	require.True(t, ok)
	require.Equal(t, one, first)
	second, docs, ok := wire.Next(docs)
	require.True(t, ok)
	require.Equal(t, two, second)
	_, _, ok = wire.Next(docs)
	require.False(t, ok)
	require.Equal(t, int64(len(stream)), r.BytesRead())

	_, err = r.Read()
	require.ErrorIs(t, err, io.EOF)
}

func TestReadLargeAndSmallMessages(t *testing.T) {
	var stream []byte
	sizes := []int{1, 5_000, 10, 4_000, 4_090, 4_100, 3 << 20, 1, 1 << 20, 15 << 20, 2}
	for i, n := range sizes {
		body := bsonx.NewBuilder(nil).String("ping", strings.Repeat("x", n)).String("$db", "admin").Build()
		stream = wire.AppendMsg(stream, int32(i), 0, 0, body)
	}
	// Reads of every size: whole, and in pieces that fit no boundary.
	for name, src := range map[string]io.Reader{
		"whole":  bytes.NewReader(stream),
		"pieces": &piecewise{data: stream, step: 1_777},
	} {
		t.Run(name, func(t *testing.T) {
			r := wire.NewReader(src, 0)
			for i, n := range sizes {
				m, err := r.Read()
				require.NoError(t, err)
				require.Equal(t, int32(i), m.RequestID)
				require.Len(t, m.Body.Lookup("ping").Str(), n)
			}
			_, err := r.Read()
			require.ErrorIs(t, err, io.EOF)
		})
	}
}

type piecewise struct {
	data []byte
	step int
}

func (p *piecewise) Read(b []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.data[:min(p.step, len(p.data))])
	p.data = p.data[n:]
	return n, nil
}

func TestReadAheadKeepsTheCurrentMessage(t *testing.T) {
	stream := wire.AppendMsg(nil, 1, 0, 0, ping())
	size := len(stream)
	for i := range 40 {
		stream = wire.AppendMsg(stream, int32(2+i), 0, 0, ping())
	}
	r := wire.NewReader(&piecewise{data: stream, step: size}, 0)
	m, err := r.Read()
	require.NoError(t, err)
	for range 40 {
		require.NoError(t, r.ReadAhead())
	}
	require.ErrorIs(t, r.ReadAhead(), io.EOF)
	require.Equal(t, 40*size, r.Buffered())
	require.Equal(t, ping(), m.Body)
	for i := range 40 {
		m, err = r.Read()
		require.NoError(t, err)
		require.Equal(t, int32(2+i), m.RequestID)
	}
	_, err = r.Read()
	require.ErrorIs(t, err, io.EOF)
}

func TestReadQuery(t *testing.T) {
	hello := bsonx.NewBuilder(nil).Int32("isMaster", 1).Build()
	wrapped := bsonx.NewBuilder(nil).Doc("$query", hello).String("$readPreference", "x").Build()
	for name, doc := range map[string]bsonx.Doc{"plain": hello, "wrapped": wrapped} {
		t.Run(name, func(t *testing.T) {
			msg := frame(wire.OpQuery, u32(4), []byte("admin.$cmd\x00"), u32(0), u32(0xffffffff), doc)
			m, err := wire.NewReader(bytes.NewReader(msg), 0).Read()
			require.NoError(t, err)
			require.Equal(t, wire.OpQuery, m.OpCode)
			require.Equal(t, "admin.$cmd", m.Collection)
			require.Equal(t, hello, m.Body)
		})
	}
}

func TestRequestErrors(t *testing.T) {
	doc := bsonx.NewBuilder(nil).Int32("_id", 1).Build()
	broken := bsonx.Doc{12, 0, 0, 0, 16, 'a', 0, 1, 0, 0, 0, 9}
	flags := u32(0)
	badSum := wire.AppendMsg(nil, 7, 0, wire.ChecksumPresent, ping())
	badSum[len(badSum)-1] ^= 1
	tooLong := append(u32(17<<20), make([]byte, 17<<20-4)...)

	for _, tc := range []struct {
		name  string
		msg   []byte
		code  mongoerr.Code
		text  string
		fatal bool
	}{
		{"two bodies", frame(wire.OpMsg, flags, section0(ping()), section0(ping())), 40430, "Multiple body sections in message", false},
		{"same sequence twice", frame(wire.OpMsg, flags, section0(ping()), section1("a", doc), section1("a", doc)), 40431, "Duplicate document sequence: a", false},
		{"unknown section", frame(wire.OpMsg, flags, section0(ping()), []byte{2, 0, 0}), 40432, "Unknown section kind 2", true},
		{"sequence also in body", frame(wire.OpMsg, flags, section0(ping()), section1("ping", doc)), 40433, "Duplicate field between body and document sequence ping", false},
		{"three sequences", frame(wire.OpMsg, flags, section0(ping()), section1("a"), section1("b"), section1("c")), 233, "Too many document sequences in OP_MSG", true},
		{"no body", frame(wire.OpMsg, flags, section1("a", doc)), 40587, "OP_MSG messages must have a body", false},
		{"unknown required flag", frame(wire.OpMsg, u32(1<<3), section0(ping())), 223, "Message contains illegal flags value: Ob00000000000000000000000000001000", true},
		{"bad checksum", badSum, 288, "OP_MSG checksum does not match contents", true},
		{"body not terminated", frame(wire.OpMsg, flags, section0(broken)), 22, "invalid BSON: document does not end in NUL", false},
		{"body longer than message", frame(wire.OpMsg, flags, section0(bsonx.Doc{99, 0, 0, 0, 0})), 22, "BSON document says it has 99 bytes, the message has 5 left", false},
		{"body of negative size", frame(wire.OpMsg, flags, section0(bsonx.Doc{0xff, 0xff, 0xff, 0xff, 0})), 22, "BSON document says it has -1 bytes, the message has 5 left", false},
		{"bad document in sequence", frame(wire.OpMsg, flags, section0(ping()), section1("documents", doc, broken)), 22, "invalid BSON: document does not end in NUL", false},
		{"document over the limit", frame(wire.OpMsg, flags, section0(ping()), section1("documents", tooLong)), 10334, "BSONObj size: 17825792 (0x1100000) is invalid. Size must be between 0 and 16793600(16MB)", false},
		{"too deep", frame(wire.OpMsg, flags, section0(withDB("ping", nested(200)))), 15, "BSONObj exceeds maximum nested object depth: 200", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			// The next message shows that the stream is intact.
			stream := append(bytes.Clone(tc.msg), wire.AppendMsg(nil, 8, 0, 0, ping())...)
			r := wire.NewReader(bytes.NewReader(stream), 0)
			m, err := r.Read()
			var reqErr *wire.RequestError
			require.ErrorAs(t, err, &reqErr)
			require.Equal(t, tc.code, reqErr.Err.Code)
			require.Equal(t, tc.text, reqErr.Err.Message)
			require.Equal(t, tc.fatal, reqErr.Fatal)
			require.NotNil(t, m)
			require.Equal(t, int32(7), m.RequestID)
			m, err = r.Read()
			require.NoError(t, err)
			require.Equal(t, int32(8), m.RequestID)
		})
	}
}

func TestDepthLimit(t *testing.T) {
	msg := frame(wire.OpMsg, u32(0), section0(withDB("ping", nested(wire.MaxDepth-1))))
	_, err := wire.NewReader(bytes.NewReader(msg), 0).Read()
	require.NoError(t, err)
}

func TestFrameErrors(t *testing.T) {
	compressed := func(op wire.OpCode, size uint32, id byte, data []byte) []byte {
		return frame(wire.OpCompressed, u32(uint32(op)), u32(size), []byte{id}, data)
	}
	for name, msg := range map[string][]byte{
		"length below header":         append(u32(15), make([]byte, 12)...),
		"negative length":             append(u32(0xffffffff), make([]byte, 12)...),
		"length over the limit":       append(u32(wire.MaxMessageSize+1), make([]byte, 12)...),
		"unknown operation":           frame(42, make([]byte, 30)),
		"legacy insert":               frame(2002, make([]byte, 30)),
		"empty message":               frame(wire.OpMsg),
		"sequence without size":       frame(wire.OpMsg, u32(0), section0(ping()), []byte{1, 0}),
		"sequence beyond the message": frame(wire.OpMsg, u32(0), section0(ping()), []byte{1}, u32(50), []byte("a\x00")),
		"sequence without identifier": frame(wire.OpMsg, u32(0), section0(ping()), []byte{1}, u32(6), []byte("ab")),
		"query without collection":    frame(wire.OpQuery, u32(0), []byte("admin")),
		"query with trailing bytes":   frame(wire.OpQuery, u32(0), []byte("a.$cmd\x00"), u32(0), u32(1), ping(), bsonx.Empty, bsonx.Empty),
		"compressed without content":  frame(wire.OpCompressed, u32(2013)),
		"compressed twice":            compressed(wire.OpCompressed, 5, 0, make([]byte, 5)),
		"compressed too large":        compressed(wire.OpMsg, wire.MaxMessageSize, 1, make([]byte, 5)),
		"compressed, negative size":   compressed(wire.OpMsg, 0xffffffff, 1, make([]byte, 5)),
		"unknown compressor":          compressed(wire.OpMsg, 5, 9, make([]byte, 5)),
		"noop of other size":          compressed(wire.OpMsg, 5, 0, make([]byte, 6)),
		"snappy garbage":              compressed(wire.OpMsg, 50, 1, make([]byte, 6)),
		"zlib garbage":                compressed(wire.OpMsg, 50, 2, make([]byte, 6)),
		"zstd garbage":                compressed(wire.OpMsg, 50, 3, make([]byte, 6)),
	} {
		t.Run(name, func(t *testing.T) {
			m, err := wire.NewReader(bytes.NewReader(msg), 0).Read()
			var frameErr *wire.FrameError
			require.ErrorAs(t, err, &frameErr)
			require.Nil(t, m)
		})
	}
}

func TestEndInsideAMessage(t *testing.T) {
	msg := wire.AppendMsg(nil, 1, 0, 0, ping())
	huge := append(u32(40_000_000), msg[4:]...)
	for _, cut := range [][]byte{msg[:3], msg[:wire.HeaderSize], msg[:len(msg)-1], huge} {
		_, err := wire.NewReader(bytes.NewReader(cut), 0).Read()
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	}
}

func TestCompression(t *testing.T) {
	body := bsonx.NewBuilder(nil).String("ping", strings.Repeat("tandem", 10_000)).String("$db", "admin").Build()
	plain := wire.AppendMsg(nil, 3, 0, 0, body)
	for _, c := range append([]wire.CompressorID{wire.CompressorNoop}, wire.Compressors...) {
		t.Run(c.String(), func(t *testing.T) {
			msg, err := wire.AppendCompressed([]byte("before"), plain, c)
			require.NoError(t, err)
			msg = msg[len("before"):]
			if c != wire.CompressorNoop {
				require.Less(t, len(msg), len(plain)/5)
			}
			m, err := wire.NewReader(bytes.NewReader(msg), 0).Read()
			require.NoError(t, err)
			require.Equal(t, c, m.Compressor)
			require.Equal(t, wire.OpMsg, m.OpCode)
			require.Equal(t, int32(3), m.RequestID)
			require.Equal(t, body, m.Body)
		})
	}
}

// A message that claims to be smaller than it is must not cost memory.
func TestDecompressionBomb(t *testing.T) {
	bomb := make([]byte, 30<<20)
	copy(bomb, wire.AppendMsg(nil, 3, 0, 0, ping()))
	for _, c := range wire.Compressors {
		t.Run(c.String(), func(t *testing.T) {
			msg, err := wire.AppendCompressed(nil, bomb, c)
			require.NoError(t, err)
			binary.LittleEndian.PutUint32(msg[20:], 1_000)
			_, err = wire.NewReader(bytes.NewReader(msg), 0).Read()
			var frameErr *wire.FrameError
			require.ErrorAs(t, err, &frameErr)
		})
	}
}

func TestReply(t *testing.T) {
	ok := bsonx.NewBuilder(nil).Double("ok", 1).Build()
	t.Run("OP_MSG", func(t *testing.T) {
		m := &wire.Message{OpCode: wire.OpMsg, Checksum: true}
		b := append(wire.AppendReplyStart(nil, m), ok...)
		b = wire.FinishReply(b, m, 9, 7, wire.MoreToCome)
		require.Equal(t, uint32(7), binary.LittleEndian.Uint32(b[8:]))
		sum := binary.LittleEndian.Uint32(b[len(b)-4:])
		require.Equal(t, crc32.Checksum(b[:len(b)-4], crc32.MakeTable(crc32.Castagnoli)), sum)
		got, err := wire.NewReader(bytes.NewReader(b), 0).Read()
		require.NoError(t, err)
		require.Equal(t, int32(9), got.RequestID)
		require.Equal(t, wire.MoreToCome|wire.ChecksumPresent, got.Flags)
		require.Equal(t, ok, got.Body)
	})
	t.Run("OP_REPLY", func(t *testing.T) {
		m := &wire.Message{OpCode: wire.OpQuery}
		b := append(wire.AppendReplyStart(nil, m), ok...)
		b = wire.FinishReply(b, m, 9, 7, 0)
		want := bytes.Join([][]byte{u32(uint32(36 + len(ok))), u32(9), u32(7), u32(1), u32(8), u32(0), u32(0), u32(0), u32(1), ok}, nil)
		require.Equal(t, want, b)
	})
}

func TestBuffersArePooledBySize(t *testing.T) {
	for _, n := range []int{0, 1, 1024, 1025, 1 << 20, 1<<20 + 1} {
		b := wire.GetBuffer(n)
		require.Empty(t, b)
		require.GreaterOrEqual(t, cap(b), n)
		wire.PutBuffer(b)
	}
	wire.PutBuffer(nil)
	wire.PutBuffer(make([]byte, 100<<20))
	require.Less(t, cap(wire.GetBuffer(1<<20)), 2<<20)
}

func TestReadAllocatesNothing(t *testing.T) {
	msg := wire.AppendMsg(nil, 1, 0, 0, ping())
	src := bytes.NewReader(msg)
	r := wire.NewReader(src, 0)
	allocs := testing.AllocsPerRun(100, func() {
		src.Reset(msg)
		if _, err := r.Read(); err != nil {
			t.Fatal(err)
		}
	})
	require.Zero(t, allocs)
}

func BenchmarkRead(b *testing.B) {
	msg := wire.AppendMsg(nil, 1, 0, 0, ping())
	src := bytes.NewReader(msg)
	r := wire.NewReader(src, 0)
	b.ReportAllocs()
	for b.Loop() {
		src.Reset(msg)
		if _, err := r.Read(); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzRead(f *testing.F) {
	doc := bsonx.NewBuilder(nil).Int32("_id", 1).Build()
	f.Add(wire.AppendMsg(nil, 1, 0, wire.ChecksumPresent, ping()))
	f.Add(wire.AppendMsg(nil, 1, 0, wire.MoreToCome, ping(), wire.Sequence{ID: "documents", Docs: doc}))
	f.Add(frame(wire.OpQuery, u32(4), []byte("admin.$cmd\x00"), u32(0), u32(0xffffffff), doc))
	for _, c := range wire.Compressors {
		msg, err := wire.AppendCompressed(nil, wire.AppendMsg(nil, 1, 0, 0, ping()), c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(msg)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := wire.NewReader(bytes.NewReader(data), 1<<20)
		for {
			m, err := r.Read()
			var reqErr *wire.RequestError
			if m == nil {
				if err == nil || errors.As(err, &reqErr) {
					t.Fatalf("no message with error %v", err)
				}
				return
			}
			if errors.As(err, &reqErr) {
				continue
			}
			if err != nil {
				t.Fatalf("message with error %v", err)
			}
			if err := bsonx.Validate(m.Body, wire.MaxDepth); err != nil {
				t.Fatalf("body: %v", err)
			}
			for _, s := range m.Sequences {
				docs, n := s.Docs, 0
				for {
					d, rest, ok := wire.Next(docs)
					if !ok {
						break
					}
					n += len(d)
					docs = rest
				}
				if n != len(s.Docs) {
					t.Fatalf("sequence %q: %d bytes in documents, has %d", s.ID, n, len(s.Docs))
				}
			}
		}
	})
}
