package wire

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/tandemdb/tandem/internal/bsonx"
)

const (
	// msgReplyStart is the size of an OP_MSG up to its body: header, flags,
	// section kind.
	msgReplyStart = HeaderSize + 4 + 1
	// queryReplyStart is the size of an OP_REPLY up to its document: header,
	// flags, cursor id, starting position, document count.
	queryReplyStart = HeaderSize + 4 + 8 + 4 + 4

	replyAwaitCapable = 8
)

// AppendReplyStart reserves what comes before the document in the reply to m.
// The caller appends exactly one document and calls FinishReply.
func AppendReplyStart(dst []byte, m *Message) []byte {
	n := msgReplyStart
	if m.OpCode == OpQuery {
		n = queryReplyStart
	}
	dst = grow(dst, n)
	dst = dst[:len(dst)+n]
	clear(dst[len(dst)-n:])
	return dst
}

// FinishReply completes the reply to m in msg, which starts with what
// AppendReplyStart reserved. Flags are those of the OP_MSG; a checksum is added
// if the request had one. An OP_QUERY is answered with an OP_REPLY.
func FinishReply(msg []byte, m *Message, requestID, responseTo int32, flags Flags) []byte {
	if m.OpCode == OpQuery {
		putHeader(msg, len(msg), requestID, responseTo, OpReply)
		binary.LittleEndian.PutUint32(msg[HeaderSize:], replyAwaitCapable)
		binary.LittleEndian.PutUint32(msg[HeaderSize+16:], 1) // one document
		return msg
	}
	// A checksum would not survive compression, so compressed replies have none.
	sum := m.Checksum && m.Compressor == CompressorNoop
	size := len(msg)
	if sum {
		flags |= ChecksumPresent
		size += 4
	}
	putHeader(msg, size, requestID, responseTo, OpMsg)
	binary.LittleEndian.PutUint32(msg[HeaderSize:], uint32(flags))
	if sum {
		msg = binary.LittleEndian.AppendUint32(msg, crc32.Checksum(msg, castagnoli))
	}
	return msg
}

// AppendMsg appends an OP_MSG with the given body and sequences, with a checksum
// if flags ask for one. It is what a client sends.
func AppendMsg(dst []byte, requestID, responseTo int32, flags Flags, body bsonx.Doc, seqs ...Sequence) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, HeaderSize)...)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(flags))
	dst = append(dst, 0)
	dst = append(dst, body...)
	for _, s := range seqs {
		dst = append(dst, 1)
		dst = binary.LittleEndian.AppendUint32(dst, uint32(4+len(s.ID)+1+len(s.Docs)))
		dst = append(append(dst, s.ID...), 0)
		dst = append(dst, s.Docs...)
	}
	size := len(dst) - start
	if flags&ChecksumPresent != 0 {
		size += 4
	}
	putHeader(dst[start:], size, requestID, responseTo, OpMsg)
	if flags&ChecksumPresent != 0 {
		dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
	}
	return dst
}

// AppendCompressed appends the complete message msg as an OP_COMPRESSED.
func AppendCompressed(dst, msg []byte, c CompressorID) ([]byte, error) {
	start := len(dst)
	dst = append(dst, msg[:HeaderSize]...)
	dst = append(dst, msg[12:16]...) // the original operation code
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(msg)-HeaderSize))
	dst = append(dst, byte(c))
	dst, err := appendCompressed(dst, c, msg[HeaderSize:])
	if err != nil {
		return nil, err
	}
	putHeader(dst[start:], len(dst)-start, getInt32(msg[4:]), getInt32(msg[8:]), OpCompressed)
	return dst, nil
}

func putHeader(b []byte, size int, requestID, responseTo int32, op OpCode) {
	binary.LittleEndian.PutUint32(b, uint32(size))
	binary.LittleEndian.PutUint32(b[4:], uint32(requestID))
	binary.LittleEndian.PutUint32(b[8:], uint32(responseTo))
	binary.LittleEndian.PutUint32(b[12:], uint32(op))
}
