package wire

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func getInt32(b []byte) int32 { return int32(binary.LittleEndian.Uint32(b)) }

// parseMsg reads the content b of an OP_MSG. frame is the whole message, which
// a checksum covers unless it was compressed.
func (m *Message) parseMsg(frame, b []byte) error {
	if len(b) < 5 {
		return frameErrorf("OP_MSG of %d bytes", HeaderSize+len(b))
	}
	m.Flags = Flags(binary.LittleEndian.Uint32(b))
	if m.Flags&requiredFlags&^(ChecksumPresent|MoreToCome) != 0 {
		return fatalRequestErrorf(mongoerr.IllegalOpMsgFlag,
			"Message contains illegal flags value: Ob%032b", uint32(m.Flags))
	}
	b = b[4:]
	if m.Flags&ChecksumPresent != 0 {
		m.Checksum = true
		n := len(b) - 4
		if n < 0 {
			return frameErrorf("OP_MSG without room for its checksum")
		}
		sum := binary.LittleEndian.Uint32(b[n:])
		b = b[:n]
		if m.Compressor == CompressorNoop && sum != crc32.Checksum(frame[:len(frame)-4], castagnoli) {
			return fatalRequestErrorf(codeChecksumMismatch, "OP_MSG checksum does not match contents")
		}
	}
	m.Sequences = m.sequences[:0]
	for len(b) > 0 {
		rest, err := m.parseSection(b)
		if err != nil {
			return err
		}
		b = rest
	}
	if m.Body == nil {
		return requestErrorf(codeNoBody, "OP_MSG messages must have a body")
	}
	for _, s := range m.Sequences {
		if !m.Body.Lookup(s.ID).IsMissing() {
			return requestErrorf(codeSequenceInBody, "Duplicate field between body and document sequence %s", s.ID)
		}
	}
	return nil
}

// parseSection reads the section at the start of b and returns what follows it.
func (m *Message) parseSection(b []byte) (rest []byte, err error) {
	switch kind := b[0]; kind {
	case 0:
		if m.Body != nil {
			return nil, requestErrorf(codeMultipleBodies, "Multiple body sections in message")
		}
		doc, rest, err := splitDocument(b[1:])
		if err != nil {
			return nil, err
		}
		m.Body = doc
		return rest, nil
	case 1:
		return m.parseSequence(b[1:])
	default:
		return nil, fatalRequestErrorf(codeUnknownSection, "Unknown section kind %d", kind)
	}
}

// parseSequence reads a section of kind 1, without the kind, at the start of b.
func (m *Message) parseSequence(b []byte) (rest []byte, err error) {
	if len(b) < 4 {
		return nil, frameErrorf("document sequence without a size")
	}
	n := int(getInt32(b))
	if n < 5 || n > len(b) {
		return nil, frameErrorf("document sequence of %d bytes in a section of %d", n, len(b))
	}
	section, rest := b[4:n], b[n:]
	name, docs, ok := bytes.Cut(section, []byte{0})
	if !ok {
		return nil, frameErrorf("document sequence whose identifier does not end")
	}
	if len(m.Sequences) == maxSequences {
		return nil, fatalRequestErrorf(mongoerr.TooManyDocumentSequences, "Too many document sequences in OP_MSG")
	}
	id := bsonx.StringBytes(name).Str()
	if _, dup := m.Sequence(id); dup {
		return nil, requestErrorf(codeDuplicateSequence, "Duplicate document sequence: %s", id)
	}
	for d := docs; len(d) > 0; {
		if _, d, err = splitDocument(d); err != nil {
			return nil, err
		}
	}
	m.Sequences = append(m.Sequences, Sequence{ID: id, Docs: docs})
	return rest, nil
}

// parseQuery reads the content b of an OP_QUERY.
func (m *Message) parseQuery(b []byte) error {
	const skipAndReturn = 8
	if len(b) < 4 {
		return frameErrorf("OP_QUERY of %d bytes", HeaderSize+len(b))
	}
	b = b[4:] // the flags mean nothing for commands
	nul := bytes.IndexByte(b, 0)
	if nul < 0 || len(b) < nul+1+skipAndReturn {
		return frameErrorf("OP_QUERY whose collection name does not end")
	}
	m.Collection = bsonx.StringBytes(b[:nul]).Str()
	doc, rest, err := splitDocument(b[nul+1+skipAndReturn:])
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		if _, rest, err = splitDocument(rest); err != nil {
			return err
		}
		if len(rest) > 0 {
			return frameErrorf("OP_QUERY with %d bytes too many", len(rest))
		}
	}
	for _, wrapper := range [...]string{"$query", "query"} {
		if k, v, ok := doc.First(); ok && k == wrapper && v.Type == bsonx.TypeDocument {
			doc = v.Doc()
			break
		}
	}
	m.Body = doc
	return nil
}

// splitDocument validates the document at the start of b and returns it and
// what follows it.
func splitDocument(b []byte) (doc bsonx.Doc, rest []byte, err error) {
	if len(b) < 5 {
		return nil, nil, requestErrorf(mongoerr.InvalidBSON, "BSON document of %d bytes, the smallest has 5", len(b))
	}
	n := int(getInt32(b))
	if n > maxInternalDocumentSize {
		return nil, nil, requestErrorf(mongoerr.BSONObjectTooLarge,
			"BSONObj size: %d (0x%X) is invalid. Size must be between 0 and %d(16MB)", n, n, maxInternalDocumentSize)
	}
	if n < 5 || n > len(b) {
		return nil, nil, requestErrorf(mongoerr.InvalidBSON,
			"BSON document says it has %d bytes, the message has %d left", n, len(b))
	}
	doc = b[:n:n]
	if err := bsonx.Validate(doc, MaxDepth); err != nil {
		return nil, nil, documentError(err)
	}
	return doc, b[n:], nil
}
