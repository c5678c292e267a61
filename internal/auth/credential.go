package auth

import (
	"crypto/md5" //nolint:gosec // part of MongoDB's definition of SCRAM-SHA-1, no protection rests on it
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"github.com/xdg-go/scram"
	"github.com/xdg-go/stringprep"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// The mechanisms.
const (
	SHA1   = "SCRAM-SHA-1"
	SHA256 = "SCRAM-SHA-256"
)

// Mechanisms are the supported mechanisms in the order in which MongoDB names
// them.
var Mechanisms = []string{SHA1, SHA256}

// Iteration counts and salt sizes of new credentials, as MongoDB's.
const (
	sha1Iterations   = 10_000
	sha256Iterations = 15_000
	sha1SaltSize     = 16
	sha256SaltSize   = 28
)

// Credential is what the server keeps of a password for one mechanism. The
// password cannot be computed from it.
type Credential struct {
	Iterations int
	Salt       []byte
	StoredKey  []byte
	ServerKey  []byte
}

// NewCredentials derives the credentials of a password for the given mechanisms;
// none given means all. A mechanism that was not asked for gets nil.
func NewCredentials(user, password string, mechanisms []string) (sha1, sha256 *Credential, err error) {
	if password == "" {
		return nil, nil, mongoerr.New(mongoerr.BadValue, "Password cannot be empty")
	}
	if len(mechanisms) == 0 {
		mechanisms = Mechanisms
	}
	for _, m := range mechanisms {
		switch m {
		case SHA1:
			sha1, err = derive(scram.SHA1, user, passwordDigest(user, password), sha1SaltSize, sha1Iterations)
		case SHA256:
			prepared, prepErr := stringprep.SASLprep.Prepare(password)
			if prepErr != nil {
				return nil, nil, mongoerr.New(mongoerr.BadValue, "Error preflighting UTF-8 conversion: %w", prepErr)
			}
			sha256, err = derive(scram.SHA256, user, prepared, sha256SaltSize, sha256Iterations)
		default:
			return nil, nil, mongoerr.New(mongoerr.BadValue, "Unknown auth mechanism '%s'", m)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return sha1, sha256, nil
}

// passwordDigest is what MongoDB's SCRAM-SHA-1 takes for the password.
func passwordDigest(user, password string) string {
	sum := md5.Sum([]byte(user + ":mongo:" + password)) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}

func derive(hash scram.HashGeneratorFcn, user, password string, saltSize, iterations int) (*Credential, error) {
	salt := make([]byte, saltSize)
	rand.Read(salt)
	client, err := hash.NewClientUnprepped(user, password, "")
	if err != nil {
		return nil, fmt.Errorf("auth: derive credentials: %w", err)
	}
	stored, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(salt), Iters: iterations})
	if err != nil {
		return nil, fmt.Errorf("auth: derive credentials: %w", err)
	}
	return &Credential{
		Iterations: iterations,
		Salt:       salt,
		StoredKey:  stored.StoredKey,
		ServerKey:  stored.ServerKey,
	}, nil
}

func (c *Credential) stored() scram.StoredCredentials {
	return scram.StoredCredentials{
		KeyFactors: scram.KeyFactors{Salt: string(c.Salt), Iters: c.Iterations},
		StoredKey:  c.StoredKey,
		ServerKey:  c.ServerKey,
	}
}

// appendTo adds the credential to b as MongoDB stores it; a nil one is left out.
func (c *Credential) appendTo(b *bsonx.Builder, mechanism string) {
	if c == nil {
		return
	}
	b.StartDoc(mechanism).
		Int32("iterationCount", int32(c.Iterations)).
		String("salt", base64.StdEncoding.EncodeToString(c.Salt)).
		String("storedKey", base64.StdEncoding.EncodeToString(c.StoredKey)).
		String("serverKey", base64.StdEncoding.EncodeToString(c.ServerKey)).
		End()
}

// decodeCredential reads what appendTo wrote, nil where there is nothing.
func decodeCredential(v bsonx.Value) (*Credential, error) {
	if v.Type != bsonx.TypeDocument {
		return nil, nil
	}
	d := v.Doc()
	c := &Credential{Iterations: int(d.Lookup("iterationCount").Int64())}
	for _, f := range []struct {
		name string
		dst  *[]byte
	}{{"salt", &c.Salt}, {"storedKey", &c.StoredKey}, {"serverKey", &c.ServerKey}} {
		b, err := base64.StdEncoding.DecodeString(d.Lookup(f.name).Str())
		if err != nil || len(b) == 0 {
			return nil, mongoerr.New(mongoerr.UnsupportedFormat, "the credential field '%s' is not valid base64", f.name)
		}
		*f.dst = b
	}
	if c.Iterations < 1 {
		return nil, mongoerr.New(mongoerr.UnsupportedFormat, "the credential field 'iterationCount' is not positive")
	}
	return c, nil
}
