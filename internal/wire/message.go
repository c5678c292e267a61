package wire

import (
	"github.com/tandemdb/tandem/internal/bsonx"
)

// Limits that MongoDB announces in its handshake.
const (
	// HeaderSize is the size of the header of every message.
	HeaderSize = 16
	// MaxMessageSize is the largest message, header included.
	MaxMessageSize = 48_000_000
	// MaxDocumentSize is the largest document that a client may store.
	MaxDocumentSize = 16 << 20
	// maxInternalDocumentSize leaves commands room around a document of the
	// largest size.
	maxInternalDocumentSize = MaxDocumentSize + 16<<10
	// MaxDepth is the deepest nesting of any document on the wire.
	MaxDepth = 200
	// maxSequences is the number of document sequences of one message.
	maxSequences = 2
)

// OpCode says what a message is.
type OpCode int32

// The operation codes that the server reads or writes. All others close the
// connection.
const (
	OpReply      OpCode = 1
	OpQuery      OpCode = 2004
	OpCompressed OpCode = 2012
	OpMsg        OpCode = 2013
)

// Flags are the flag bits of an OP_MSG.
type Flags uint32

// The flag bits of an OP_MSG. Bits 0 to 15 must be understood, the others may be
// ignored.
const (
	ChecksumPresent Flags = 1 << 0
	MoreToCome      Flags = 1 << 1
	ExhaustAllowed  Flags = 1 << 16

	requiredFlags Flags = 0xffff
)

// Message is one request. Its documents alias the Reader's buffer: they are
// valid until the next call of Read.
type Message struct {
	RequestID int32
	OpCode    OpCode
	Flags     Flags

	// Body is the command document.
	Body bsonx.Doc

	// Sequences are the document sequences (sections of kind 1), at most two.
	Sequences []Sequence

	// Checksum says that the request carried a checksum, so that the reply does.
	Checksum bool

	// Compressor is what the request was compressed with, CompressorNoop if it
	// was not compressed. The reply uses the same.
	Compressor CompressorID

	// Collection is the full collection name of an OP_QUERY, such as
	// "admin.$cmd".
	Collection string

	sequences [maxSequences]Sequence // backs Sequences
}

// Sequence is a named list of documents that belongs to the command as if it
// were an array field of the body.
type Sequence struct {
	ID   string
	Docs []byte // documents one after the other, each validated
}

// Next splits the first document off docs, which is the Docs of a Sequence or
// what an earlier call left; ok is false at the end.
func Next(docs []byte) (doc bsonx.Doc, rest []byte, ok bool) {
	if len(docs) < 5 {
		return nil, nil, false
	}
	n := int(getInt32(docs))
	if n < 5 || n > len(docs) {
		return nil, nil, false
	}
	return docs[:n:n], docs[n:], true
}

// Sequence returns the documents of the sequence called id, ok false if the
// message has none of that name.
func (m *Message) Sequence(id string) (docs []byte, ok bool) {
	for i := range m.Sequences {
		if m.Sequences[i].ID == id {
			return m.Sequences[i].Docs, true
		}
	}
	return nil, false
}

// reset makes the message ready for the next request.
func (m *Message) reset() { *m = Message{} }
