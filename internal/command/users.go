package command

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/tandemdb/tandem/internal/auth"
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/layout"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/txn"
)

// users are the users of the server, which are settings of the store. They are all kept in
// memory. It is an auth.Store.
type users struct {
	mu sync.RWMutex
	m  map[auth.UserName]*auth.User
}

const userSetting = "user/"

// Lookup returns a user, nil if there is none.
func (u *users) Lookup(_ context.Context, db, name string) (*auth.User, error) {
	u.mu.RLock()
	defer u.mu.RUnlock()
	return u.m[auth.UserName{DB: db, Name: name}], nil
}

// mechanisms returns the mechanisms of the user "db.name".
func (u *users) mechanisms(ctx context.Context, id string) []string {
	db, name, _ := strings.Cut(id, ".")
	user, err := u.Lookup(ctx, db, name)
	if err != nil || user == nil {
		return nil
	}
	return user.Mechanisms()
}

// list returns the users of a database, of all where db is empty, ordered by id.
func (u *users) list(db string) []*auth.User {
	u.mu.RLock()
	defer u.mu.RUnlock()
	var all []*auth.User
	for _, user := range u.m {
		if db == "" || user.DB == db {
			all = append(all, user)
		}
	}
	slices.SortFunc(all, func(a, b *auth.User) int { return strings.Compare(a.UserName().ID(), b.UserName().ID()) })
	return all
}

// loadUsers reads all users.
func (s *Service) loadUsers(ctx context.Context) error {
	r, err := s.store.Engine.Snapshot(ctx, 0)
	if err != nil {
		return err
	}
	defer r.Close()
	lo := layout.Setting(userSetting)
	hi := slices.Clone(lo)
	hi[len(hi)-1]++
	it, err := r.Scan(ctx, lo, hi, storage.ScanOptions{})
	if err != nil {
		return err
	}
	defer it.Close()
	m := make(map[auth.UserName]*auth.User)
	for it.Next() {
		user, err := auth.Decode(bsonx.Doc(it.Value()))
		if err != nil {
			return err
		}
		m[user.UserName()] = user
	}
	s.users.mu.Lock()
	s.users.m = m
	s.users.mu.Unlock()
	return it.Err()
}

// HasUsers reports whether anybody can authenticate.
func (s *Service) HasUsers() bool {
	s.users.mu.RLock()
	defer s.users.mu.RUnlock()
	return len(s.users.m) > 0
}

// EnsureUser makes sure that the user exists with that password and the role root, for the root
// user of the configuration.
func (s *Service) EnsureUser(ctx context.Context, db, name, password string) error {
	roles := bsonx.MakeArray(bsonx.Document(bsonx.NewBuilder(nil).String("role", "root").String("db", "admin").Build())).Doc()
	user, err := newUser(db, name, password, auth.Mechanisms, roles)
	if err != nil {
		return err
	}
	return s.changeUsers(ctx, func(m map[auth.UserName]*auth.User) error {
		m[user.UserName()] = user
		return nil
	})
}

func newUser(db, name, password string, mechanisms []string, roles bsonx.Doc) (*auth.User, error) {
	u := &auth.User{DB: db, Name: name, Roles: roles}
	_, _ = rand.Read(u.ID[:]) // never fails
	u.ID[6] = u.ID[6]&0x0f | 0x40
	u.ID[8] = u.ID[8]&0x3f | 0x80
	var err error
	u.SHA1, u.SHA256, err = auth.NewCredentials(name, password, mechanisms)
	return u, err
}

// changeUsers lets change edit a copy of the users and stores what is different.
func (s *Service) changeUsers(ctx context.Context, change func(map[auth.UserName]*auth.User) error) error {
	u := &s.users
	u.mu.Lock()
	defer u.mu.Unlock()
	next := make(map[auth.UserName]*auth.User, len(u.m)+1)
	maps.Copy(next, u.m)
	if err := change(next); err != nil {
		return err
	}
	t, err := s.store.Begin(ctx, txn.Options{})
	if err != nil {
		return err
	}
	defer t.Rollback()
	for k := range u.m {
		if next[k] == nil {
			if err := writeSetting(ctx, t, userSetting+k.ID(), nil); err != nil {
				return err
			}
		}
	}
	for k, user := range next {
		if u.m[k] != user {
			if err := writeSetting(ctx, t, userSetting+k.ID(), user.Append(nil)); err != nil {
				return err
			}
		}
	}
	if _, err := t.Commit(ctx, storage.Synced); err != nil {
		return err
	}
	u.m = next
	return nil
}

// writeSetting sets or, with nil, removes a setting of the store.
func writeSetting(ctx context.Context, t *txn.Txn, name string, value []byte) error {
	key := layout.Setting(name)
	if err := t.Storage().Lock(ctx, []storage.LockRequest{{Key: key}}); err != nil {
		return err
	}
	if value == nil {
		t.Storage().Delete(key)
	} else {
		t.Storage().Put(key, value)
	}
	return nil
}

// readSetting returns a setting of the store, nil if it is not there.
func (s *Service) readSetting(ctx context.Context, name string) (bsonx.Doc, error) {
	r, err := s.store.Engine.Snapshot(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	v, ok, err := r.Get(ctx, layout.Setting(name), nil)
	if err != nil || !ok {
		return nil, err
	}
	return v, nil
}

// saveSetting sets a setting of the store in a transaction of its own.
func (s *Service) saveSetting(ctx context.Context, name string, value bsonx.Doc) error {
	t, err := s.store.Begin(ctx, txn.Options{})
	if err != nil {
		return err
	}
	defer t.Rollback()
	if err := writeSetting(ctx, t, name, value); err != nil {
		return err
	}
	_, err = t.Commit(ctx, storage.Synced)
	return err
}

// credentialArgs reads the fields that createUser and updateUser share.
func (c *Call) credentialArgs() (password string, mechanisms []string, err error) {
	if v := c.Arg("mechanisms"); !v.IsMissing() {
		mechanisms = stringList(v)
		if len(mechanisms) == 0 {
			return "", nil, mongoerr.New(mongoerr.BadValue, "mechanisms field must not be empty")
		}
	}
	for _, m := range mechanisms {
		if !slices.Contains(auth.Mechanisms, m) {
			return "", nil, mongoerr.New(mongoerr.BadValue, "Unknown auth mechanism '%s'", m)
		}
	}
	if c.Arg("digestPassword").Type == bsonx.TypeBool && !c.Arg("digestPassword").Bool() {
		return "", nil, mongoerr.New(mongoerr.BadValue, "Use of SCRAM-SHA-256 requires undigested passwords")
	}
	return strings.Clone(c.Arg("pwd").Str()), mechanisms, nil
}

// userName reads the user that the first field names.
func (c *Call) userName() (auth.UserName, error) {
	_, v, _ := c.Body.First()
	if v.Type != bsonx.TypeString {
		return auth.UserName{}, wrongType(c.Spec.Name+"."+c.Spec.Name, v.Type, String)
	}
	if v.Str() == "" {
		return auth.UserName{}, mongoerr.New(mongoerr.BadValue, "User document needs 'user' field to be non-empty")
	}
	return auth.UserName{DB: strings.Clone(c.DB), Name: strings.Clone(v.Str())}, nil
}

// roles reads the roles field: names are roles of the command's database.
func (c *Call) roles() (bsonx.Doc, error) {
	b := bsonx.NewBuilder(nil)
	i := 0
	for it := c.Arg("roles").Doc().Iter(); ; i++ {
		_, v, ok := it.Next()
		if !ok {
			return b.Build(), nil
		}
		role := bsonx.NewBuilder(nil)
		switch {
		case v.Type == bsonx.TypeString:
			role.String("role", v.Str()).String("db", c.DB)
		case v.Doc().Lookup("role").Type == bsonx.TypeString && v.Doc().Lookup("db").Type == bsonx.TypeString:
			role.String("role", v.Doc().Lookup("role").Str()).String("db", v.Doc().Lookup("db").Str())
		default:
			return nil, mongoerr.New(mongoerr.BadValue, "Role names must be either strings or objects")
		}
		*b.Buffer() = bsonx.AppendIndexElem(*b.Buffer(), i, bsonx.Document(role.Build()))
	}
}

func cmdCreateUser(ctx context.Context, c *Call) error {
	name, err := c.userName()
	if err != nil {
		return err
	}
	password, mechanisms, err := c.credentialArgs()
	if err != nil {
		return err
	}
	if password == "" {
		return mongoerr.New(mongoerr.BadValue, "Must provide a 'pwd' field for all user documents, except those with '$external' as the user's source db")
	}
	if mechanisms == nil {
		mechanisms = auth.Mechanisms
	}
	roles, err := c.roles()
	if err != nil {
		return err
	}
	user, err := newUser(name.DB, name.Name, password, mechanisms, roles)
	if err != nil {
		return err
	}
	if v := c.Arg("customData"); !v.IsMissing() {
		user.CustomData = v.Doc().Clone()
	}
	return c.Service.changeUsers(ctx, func(m map[auth.UserName]*auth.User) error {
		if m[name] != nil {
			return mongoerr.New(mongoerr.UserAlreadyExists, "User \"%s@%s\" already exists", name.Name, name.DB)
		}
		m[name] = user
		return nil
	})
}

func userMissing(n auth.UserName) error {
	return mongoerr.New(mongoerr.UserNotFound, "Could not find user \"%s\" for db \"%s\"", n.Name, n.DB)
}

func cmdUpdateUser(ctx context.Context, c *Call) error {
	name, err := c.userName()
	if err != nil {
		return err
	}
	password, mechanisms, err := c.credentialArgs()
	if err != nil {
		return err
	}
	roles, err := c.roles()
	if err != nil {
		return err
	}
	if password == "" && c.Arg("roles").IsMissing() && c.Arg("customData").IsMissing() && mechanisms == nil {
		return mongoerr.New(mongoerr.BadValue, "Must specify at least one field to update in updateUser")
	}
	return c.Service.changeUsers(ctx, func(m map[auth.UserName]*auth.User) error {
		old := m[name]
		if old == nil {
			return userMissing(name)
		}
		u := *old
		if err := setCredentials(&u, password, mechanisms); err != nil {
			return err
		}
		if !c.Arg("roles").IsMissing() {
			u.Roles = roles
		}
		if v := c.Arg("customData"); !v.IsMissing() {
			u.CustomData = v.Doc().Clone()
		}
		m[name] = &u
		return nil
	})
}

// setCredentials gives a user another password, or takes mechanisms away.
func setCredentials(u *auth.User, password string, mechanisms []string) (err error) {
	if password == "" {
		for _, m := range mechanisms {
			if !slices.Contains(u.Mechanisms(), m) {
				return mongoerr.New(mongoerr.BadValue, "mechanisms field must be a subset of previously set mechanisms")
			}
		}
		if mechanisms != nil && !slices.Contains(mechanisms, auth.SHA1) {
			u.SHA1 = nil
		}
		if mechanisms != nil && !slices.Contains(mechanisms, auth.SHA256) {
			u.SHA256 = nil
		}
		return nil
	}
	if mechanisms == nil {
		mechanisms = u.Mechanisms()
	}
	u.SHA1, u.SHA256, err = auth.NewCredentials(u.Name, password, mechanisms)
	return err
}

func cmdDropUser(ctx context.Context, c *Call) error {
	name, err := c.userName()
	if err != nil {
		return err
	}
	return c.Service.changeUsers(ctx, func(m map[auth.UserName]*auth.User) error {
		if m[name] == nil {
			return mongoerr.New(mongoerr.UserNotFound, "User '%s@%s' not found", name.Name, name.DB)
		}
		delete(m, name)
		return nil
	})
}

func cmdDropAllUsers(ctx context.Context, c *Call) error {
	n := int32(0)
	err := c.Service.changeUsers(ctx, func(m map[auth.UserName]*auth.User) error {
		for k := range m {
			if k.DB == c.DB {
				delete(m, k)
				n++
			}
		}
		return nil
	})
	c.Reply.Int32("n", n)
	return err
}

var errBadUsersInfo = errors.New("not a user name")

// cmdUsersInfo lists users: one, several, those of a database or all.
func cmdUsersInfo(_ context.Context, c *Call) error {
	_, what, _ := c.Body.First()
	match, err := c.usersFilter(what)
	if err != nil {
		return mongoerr.New(mongoerr.BadValue, "UserName must be either a string or an object").WithCause(err)
	}
	c.Reply.StartArray("users")
	i := 0
	for _, u := range c.Service.users.list("") {
		if !match(u) {
			continue
		}
		buf := c.Reply.Buffer()
		*buf = bsonx.AppendIndexElem(*buf, i, bsonx.Document(userInfo(u, c.Arg("showCredentials").Truthy())))
		i++
	}
	c.Reply.End()
	return nil
}

func (c *Call) usersFilter(what bsonx.Value) (func(*auth.User) bool, error) {
	switch {
	case what.IsNumber():
		return func(u *auth.User) bool { return u.DB == c.DB }, nil
	case what.Doc().Lookup("forAllDBs").Truthy():
		return func(*auth.User) bool { return true }, nil
	case what.Type == bsonx.TypeArray:
		var names []auth.UserName
		for it := what.Doc().Iter(); ; {
			_, v, ok := it.Next()
			if !ok {
				break
			}
			n, err := c.oneUser(v)
			if err != nil {
				return nil, err
			}
			names = append(names, n)
		}
		return func(u *auth.User) bool { return slices.Contains(names, u.UserName()) }, nil
	}
	n, err := c.oneUser(what)
	return func(u *auth.User) bool { return u.UserName() == n }, err
}

func (c *Call) oneUser(v bsonx.Value) (auth.UserName, error) {
	if v.Type == bsonx.TypeString {
		return auth.UserName{DB: c.DB, Name: v.Str()}, nil
	}
	user, db := v.Doc().Lookup("user"), v.Doc().Lookup("db")
	if user.Type != bsonx.TypeString || db.Type != bsonx.TypeString {
		return auth.UserName{}, errBadUsersInfo
	}
	return auth.UserName{DB: db.Str(), Name: user.Str()}, nil
}

// userInfo is a user as usersInfo shows it.
func userInfo(u *auth.User, credentials bool) bsonx.Doc {
	stored := bsonx.Doc(u.Append(nil))
	b := bsonx.NewBuilder(nil)
	for it := stored.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			return b.Strings("mechanisms", u.Mechanisms()).Build()
		}
		if key != "credentials" || credentials {
			b.Value(key, v)
		}
	}
}
