package command

import (
	"context"
	"crypto/rand"
	"strconv"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/session"
)

// maxSessionIDs is how many sessions one command may name.
const maxSessionIDs = 100_000

// cmdStartSession invents a session id, which a client may as well do itself.
func cmdStartSession(_ context.Context, c *Call) error {
	id := session.ID{User: c.Conn.userDigest()}
	_, _ = rand.Read(id.UUID[:]) // never fails
	id.UUID[6] = id.UUID[6]&0x0f | 0x40
	id.UUID[8] = id.UUID[8]&0x3f | 0x80
	if err := c.Service.sessions.Touch(id); err != nil {
		return err
	}
	c.Reply.StartDoc("id").Value("id", bsonx.Binary(4, id.UUID[:])).End().
		Int32("timeoutMinutes", int32(c.Service.sessions.Timeout()/time.Minute))
	return nil
}

// cmdReapSessions forgets at once what the background would forget later: the sessions that have
// timed out. What $listSessions shows is never behind, so there is nothing else to do.
func cmdReapSessions(ctx context.Context, c *Call) error {
	c.Service.sessions.ExpireSessions(ctx)
	return nil
}

// sessionIDs reads the list of sessions in the first field.
func (c *Call) sessionIDs() ([]session.ID, error) {
	docs, err := c.firstArray()
	if err != nil {
		return nil, err
	}
	ids := make([]session.ID, 0, len(docs))
	for i, d := range docs {
		id, err := parseSessionID(c.Spec.Name+"."+c.Spec.Name+"."+strconv.Itoa(i), d, c.Conn)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// firstArray reads the documents of an array in the first field.
func (c *Call) firstArray() ([]bsonx.Doc, error) {
	field := c.Spec.Name + "." + c.Spec.Name
	_, v, _ := c.Body.First()
	if v.Type != bsonx.TypeArray {
		return nil, wrongType(field, v.Type, Array)
	}
	var docs []bsonx.Doc
	for it := v.Doc().Iter(); ; {
		key, e, ok := it.Next()
		if !ok {
			return docs, nil
		}
		if e.Type != bsonx.TypeDocument {
			return nil, wrongType(field+"."+key, e.Type, Object)
		}
		if docs = append(docs, e.Doc()); len(docs) > maxSessionIDs {
			return nil, mongoerr.New(mongoerr.InvalidLength, "%s names more than %d sessions", c.Spec.Name, maxSessionIDs)
		}
	}
}

func cmdEndSessions(_ context.Context, c *Call) error {
	ids, err := c.sessionIDs()
	if err != nil {
		return err
	}
	c.Service.sessions.End(ids)
	return nil
}

func cmdRefreshSessions(_ context.Context, c *Call) error {
	ids, err := c.sessionIDs()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := c.Service.sessions.Touch(id); err != nil {
			return err
		}
	}
	return nil
}

// cmdKillSessions kills the named sessions of the user, all of them if none is named.
func cmdKillSessions(_ context.Context, c *Call) error {
	ids, err := c.sessionIDs()
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		user := c.Conn.userDigest()
		c.Service.killSessions(c, session.Pattern{User: &user})
		return nil
	}
	patterns := make([]session.Pattern, len(ids))
	for i := range ids {
		patterns[i].ID = &ids[i]
	}
	c.Service.killSessions(c, patterns...)
	return nil
}

// cmdKillAllSessions kills the sessions of the named users, of all if none is named.
func cmdKillAllSessions(_ context.Context, c *Call) error {
	docs, err := c.firstArray()
	if err != nil {
		return err
	}
	if len(docs) == 0 {
		c.Service.killSessions(c, session.Pattern{})
		return nil
	}
	patterns := make([]session.Pattern, len(docs))
	for i, d := range docs {
		user, db := d.Lookup("user"), d.Lookup("db")
		if user.IsMissing() || db.IsMissing() {
			return missingField("KillAllSessionsUser", "user and db")
		}
		digest := session.UserDigest(user.Str(), db.Str())
		patterns[i].User = &digest
	}
	c.Service.killSessions(c, patterns...)
	return nil
}

// cmdKillAllSessionsByPattern kills the sessions that one of the patterns selects.
func cmdKillAllSessionsByPattern(_ context.Context, c *Call) error {
	docs, err := c.firstArray()
	if err != nil {
		return err
	}
	if len(docs) == 0 {
		c.Service.killSessions(c, session.Pattern{})
		return nil
	}
	var patterns []session.Pattern
	for _, d := range docs {
		ps, err := c.sessionPatterns(d)
		if err != nil {
			return err
		}
		patterns = append(patterns, ps...)
	}
	c.Service.killSessions(c, patterns...)
	return nil
}

// sessionPatterns reads one pattern, which may stand for several users.
func (c *Call) sessionPatterns(d bsonx.Doc) ([]session.Pattern, error) {
	const name = "killAllSessionsByPattern"
	var p session.Pattern
	var users []session.Pattern
	for it := d.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		switch key {
		case "lsid":
			id, err := patternID(v.Doc(), c.Conn)
			if err != nil {
				return nil, err
			}
			p.ID = &id
		case "uid":
			sub, b := v.Binary()
			if sub != 0 || len(b) != 32 {
				return nil, wrongType(name+".uid", v.Type, BinData)
			}
			p.User = (*[32]byte)(b)
		case "users":
			for e := v.Doc().Iter(); ; {
				_, u, more := e.Next()
				if !more {
					break
				}
				digest := session.UserDigest(u.Doc().Lookup("user").Str(), u.Doc().Lookup("db").Str())
				users = append(users, session.Pattern{User: &digest})
			}
		case "roles":
			return nil, mongoerr.New(mongoerr.NotImplemented, "killAllSessionsByPattern: 'roles' is not supported, because users have no roles yet")
		default:
			return nil, unknownField("KillAllSessionsByPattern", key)
		}
	}
	if len(users) > 0 {
		for i := range users {
			users[i].ID = p.ID
		}
		return users, nil
	}
	return []session.Pattern{p}, nil
}

// patternID reads a session that may belong to another user.
func patternID(d bsonx.Doc, conn *Conn) (session.ID, error) {
	_, uid := d.Lookup("uid").Binary()
	id, err := parseSessionID("lsid", bsonx.NewBuilder(nil).Value("id", d.Lookup("id")).Build(), conn)
	if err == nil && len(uid) == len(id.User) {
		copy(id.User[:], uid)
	}
	return id, err
}

// killSessions aborts the transactions of the sessions, stops their statements and closes their
// cursors. The command itself is spared.
func (s *Service) killSessions(c *Call, patterns ...session.Pattern) {
	s.sessions.Kill(patterns...)
	killed := mongoerr.New(mongoerr.Interrupted, "operation was interrupted because its session was killed")
	s.interrupt(killed, func(o *op) bool {
		if o == c.op || o.session.IsZero() {
			return false
		}
		for _, p := range patterns {
			if p.Match(o.session) {
				return true
			}
		}
		return false
	})
}
