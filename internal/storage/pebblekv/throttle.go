package pebblekv

import (
	"context"

	"github.com/cockroachdb/pebble/v2"
)

func (db *DB) throttle(context.Context, int) error { return nil }

func (db *DB) eventListener() *pebble.EventListener { return &pebble.EventListener{} }
