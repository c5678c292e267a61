// Command bank is an example of odm: accounts, transfers and their history behind an HTTP
// API. A transfer is one transaction; its receipt is sent when it has committed.
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/odm"
)

// Account is a customer's account, in cents.
type Account struct {
	odm.Doc[Account] `bson:"-" json:"-"`

	ID      bson.ObjectID `bson:"_id" json:"id"`
	Owner   string        `bson:"owner" json:"owner" odm:"required,trim,maxlength=100"`
	Balance int64         `bson:"balance" json:"balance" odm:"min=0"`
}

// Entry is a line of the history: what was moved from one account to another.
type Entry struct {
	odm.Doc[Entry] `bson:"-" json:"-"`

	ID     bson.ObjectID    `bson:"_id" json:"id"`
	From   odm.Ref[Account] `bson:"from" json:"from" odm:"index"`
	To     odm.Ref[Account] `bson:"to" json:"to" odm:"index"`
	Amount int64            `bson:"amount" json:"amount" odm:"min=1"`
	At     time.Time        `bson:"at" json:"at" odm:"default=now"`
}

// What a customer can do wrong.
var (
	errFunds  = errors.New("the account does not hold that much")
	errAmount = errors.New("the amount must be positive")
	errSame   = errors.New("the accounts are the same")
)

// Bank holds the models.
type Bank struct {
	conn     *odm.Connection
	accounts *odm.Model[Account]
	entries  *odm.Model[Entry]
	receipt  func(ctx context.Context, e *Entry)
}

// NewBank defines the models on a connection and makes their indexes. receipt is called
// once for each transfer that has committed.
func NewBank(ctx context.Context, conn *odm.Connection, receipt func(ctx context.Context, e *Entry)) (*Bank, error) {
	accounts, err := odm.NewModel[Account](conn, "Account", odm.NewSchema[Account](odm.Timestamps(), odm.AutoCreate()))
	if err != nil {
		return nil, err
	}
	entries, err := odm.NewModel[Entry](conn, "Entry", odm.NewSchema[Entry](odm.AutoCreate()))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(accounts.Init(ctx), entries.Init(ctx)); err != nil {
		return nil, err
	}
	return &Bank{conn: conn, accounts: accounts, entries: entries, receipt: receipt}, nil
}

// Open makes an account.
func (b *Bank) Open(ctx context.Context, owner string, balance int64) (*Account, error) {
	return b.accounts.CreateOne(ctx, &Account{Owner: owner, Balance: balance})
}

// Transfer moves an amount. Both accounts are read in the transaction, so a retry reads
// them again; two transfers of one account conflict, and one of them is retried.
func (b *Bank) Transfer(ctx context.Context, from, to bson.ObjectID, amount int64) (*Entry, error) {
	switch {
	case amount <= 0:
		return nil, errAmount
	case from == to:
		return nil, errSame
	}
	return odm.InTransaction(ctx, b.conn, func(ctx context.Context) (*Entry, error) {
		payer, err := b.accounts.FindByID(ctx, from)
		if err != nil {
			return nil, err
		}
		payee, err := b.accounts.FindByID(ctx, to)
		if err != nil {
			return nil, err
		}
		if payer.Balance < amount {
			return nil, fmt.Errorf("%w: %d of %d", errFunds, amount, payer.Balance)
		}
		payer.Balance -= amount
		payee.Balance += amount
		if err := payer.Save(ctx); err != nil {
			return nil, err
		}
		if err := payee.Save(ctx); err != nil {
			return nil, err
		}
		entry, err := b.entries.CreateOne(ctx, &Entry{From: odm.RefOf(payer), To: odm.RefOf(payee), Amount: amount})
		if err != nil {
			return nil, err
		}
		odm.AfterCommit(ctx, func(ctx context.Context) { b.receipt(ctx, entry) })
		return entry, nil
	})
}

// History returns the last transfers of an account with the accounts in them, newest first.
func (b *Bank) History(ctx context.Context, id bson.ObjectID, limit int64) ([]*Entry, error) {
	return b.entries.Query().
		Or(bson.D{{Key: "from", Value: id}}, bson.D{{Key: "to", Value: id}}).
		Sort("-at", "-_id").Limit(limit).
		Populate("from").Populate("to").
		All(ctx)
}

// Account returns an account.
func (b *Bank) Account(ctx context.Context, id bson.ObjectID) (*Account, error) {
	return b.accounts.FindByID(ctx, id)
}
