// Package wire reads and writes the messages of MongoDB's wire protocol: OP_MSG,
// the legacy OP_QUERY handshake with its OP_REPLY, and OP_COMPRESSED around
// either.
//
// A [Reader] turns a byte stream into Messages whose documents are views of one
// buffer: nothing is copied, every document is validated once, and every limit
// is checked before memory is reserved. Replies are built append-style: the
// header is reserved with [AppendReplyStart], the caller appends one document,
// and [FinishReply] fills the header in.
//
// The package knows no command. What is wrong with a request inside a sound
// frame is reported as a [*RequestError], which the peer can be told; everything
// else that Read returns means that the stream is lost.
package wire
