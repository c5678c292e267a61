package keyenc

import "crypto/sha256"

// MaxKey is the length in bytes up to which the fields of an index key are stored in full.
const MaxKey = 1024

const hashLen = 16

// Truncate shortens the encoded fields dst[start:] where they are longer than MaxKey: it keeps
// the first MaxKey bytes and adds a hash of all. Equal fields stay equal and different ones
// different, since the hash is cryptographic; the order among keys that share the first MaxKey
// bytes is lost.
func Truncate(dst []byte, start int) []byte {
	if len(dst)-start <= MaxKey {
		return dst
	}
	sum := sha256.Sum256(dst[start:])
	return append(dst[:start+MaxKey], sum[:hashLen]...)
}

// IsTruncated reports whether Truncate cut these encoded fields.
func IsTruncated(key []byte) bool { return len(key) > MaxKey }
