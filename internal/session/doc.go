// Package session keeps what MongoDB calls logical sessions: the transaction or the
// retryable write that a session is running, the results a retry is answered from, and the
// cursors that outlive one statement.
//
// A statement with a transaction number checks its session out, one at a time, first come,
// first served; what it may do is read from one table (machine.go), and which labels its error
// carries is decided here and nowhere else (labels.go). The package knows documents only as
// bytes and reaches the store through package txn.
//
// Locks: a shard's mutex is never held while a session's mutex is taken, nor the cursor
// registry's while a source is closed. The state of a session changes only while its mutex is held; its
// transaction is used only by whoever has the session checked out, or under the mutex while
// nobody has.
package session

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"

	"github.com/tandemdb/tandem/internal/bsonx"
)

// ID names a logical session: the client's UUID and the digest of the user it belongs to.
// Sessions of different users never meet.
type ID struct {
	UUID [16]byte
	User [32]byte
}

// UserDigest returns the user part of an ID: the digest of "user@db", or of nothing when the
// client did not authenticate.
func UserDigest(user, db string) [32]byte {
	if user == "" && db == "" {
		return sha256.Sum256(nil)
	}
	return sha256.Sum256([]byte(user + "@" + db))
}

// IsZero reports whether there is no session.
func (id ID) IsZero() bool { return id == ID{} }

// String returns the session as MongoDB's messages show it.
func (id ID) String() string {
	return id.UUIDString() + " - " + base64.StdEncoding.EncodeToString(id.User[:]) + " -  - "
}

// UUIDString returns the UUID in its usual form.
func (id ID) UUIDString() string {
	var dst [36]byte
	u := id.UUID
	hex.Encode(dst[:8], u[:4])
	hex.Encode(dst[9:13], u[4:6])
	hex.Encode(dst[14:18], u[6:8])
	hex.Encode(dst[19:23], u[8:10])
	hex.Encode(dst[24:], u[10:])
	dst[8], dst[13], dst[18], dst[23] = '-', '-', '-', '-'
	return string(dst[:])
}

// Append adds the session to b as the document {id, uid} named key.
func (id ID) Append(b *bsonx.Builder, key string) {
	b.StartDoc(key).
		Value("id", bsonx.Binary(4, id.UUID[:])).
		Value("uid", bsonx.Binary(0, id.User[:])).
		End()
}

// Interrupter is a running statement that can be stopped from outside. The cause becomes the
// statement's error.
type Interrupter interface {
	Interrupt(cause error)
}
