package auth

import (
	"context"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// UserName names a user: users of different databases may have the same name.
type UserName struct{ DB, Name string }

// ID returns the user's _id in the users collection.
func (n UserName) ID() string { return n.DB + "." + n.Name }

// User is a user with credentials.
type User struct {
	DB, Name   string
	ID         [16]byte    // a UUID
	SHA1       *Credential // nil: not with this mechanism
	SHA256     *Credential
	Roles      bsonx.Doc // an array
	CustomData bsonx.Doc // nil for none
}

// UserName returns the user's name.
func (u *User) UserName() UserName { return UserName{DB: u.DB, Name: u.Name} }

// Mechanisms returns the names of the mechanisms the user has credentials for.
func (u *User) Mechanisms() []string {
	var names []string
	if u.SHA1 != nil {
		names = append(names, SHA1)
	}
	if u.SHA256 != nil {
		names = append(names, SHA256)
	}
	return names
}

// Store finds users.
type Store interface {
	// Lookup returns the user, nil without an error if there is none.
	Lookup(ctx context.Context, db, name string) (*User, error)
}

func (u *User) credential(mechanism string) *Credential {
	switch mechanism {
	case SHA1:
		return u.SHA1
	case SHA256:
		return u.SHA256
	}
	return nil
}

// Append appends the user's document as it is stored, credentials included.
func (u *User) Append(dst []byte) []byte {
	b := bsonx.NewBuilder(dst)
	b.String("_id", u.UserName().ID()).
		Value("userId", bsonx.Binary(uuidSubtype, u.ID[:])).
		String("user", u.Name).
		String("db", u.DB).
		StartDoc("credentials")
	u.SHA1.appendTo(b, SHA1)
	u.SHA256.appendTo(b, SHA256)
	b.End()
	if u.CustomData != nil {
		b.Doc("customData", u.CustomData)
	}
	roles := u.Roles
	if roles == nil {
		roles = bsonx.Empty
	}
	return b.Array("roles", roles).Finish()
}

// Decode reads a stored user. The user shares no bytes with d.
func Decode(d bsonx.Doc) (*User, error) {
	u := &User{
		DB:   strings.Clone(d.Lookup("db").Str()),
		Name: strings.Clone(d.Lookup("user").Str()),
	}
	if u.DB == "" || u.Name == "" {
		return nil, mongoerr.New(mongoerr.UnsupportedFormat, "a user document needs the fields 'user' and 'db'")
	}
	if sub, b := d.Lookup("userId").Binary(); sub == uuidSubtype && len(b) == len(u.ID) {
		copy(u.ID[:], b)
	}
	var err error
	if u.SHA1, err = decodeCredential(d.LookupPath("credentials", SHA1)); err != nil {
		return nil, err
	}
	if u.SHA256, err = decodeCredential(d.LookupPath("credentials", SHA256)); err != nil {
		return nil, err
	}
	if v := d.Lookup("roles"); v.Type == bsonx.TypeArray {
		u.Roles = v.Doc().Clone()
	}
	if v := d.Lookup("customData"); v.Type == bsonx.TypeDocument {
		u.CustomData = v.Doc().Clone()
	}
	return u, nil
}

const uuidSubtype = 4
