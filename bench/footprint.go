package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// settleTime is how long a store has to get small after the last write.
const settleTime = 60 * time.Second

// measureFootprint reports the memory and the disk space of a server before and after it has
// got 1 GB of documents and read them twice.
func measureFootprint(ctx context.Context, cfg *config, out io.Writer) error {
	const documents = 1 << 20
	p, err := startTandem(cfg)
	if err != nil {
		return err
	}
	defer p.stop(syscall.SIGINT)
	m, err := connect(ctx, p)
	if err != nil {
		return err
	}
	defer m.close()
	idle, err := p.resident()
	if err != nil {
		return err
	}
	if err := m.load(ctx, documents); err != nil {
		return err
	}
	loaded := time.Now()
	for range 2 {
		cur, err := m.docs.Find(ctx, bson.D{})
		if err := drain(ctx, cur, err, documents); err != nil {
			return err
		}
	}
	used, err := p.resident()
	if err != nil {
		return err
	}
	select {
	case <-time.After(time.Until(loaded.Add(settleTime))):
	case <-ctx.Done():
		return ctx.Err()
	}
	tables, wal, err := diskUsage(filepath.Join(cfg.dir, "data"))
	if err != nil {
		return err
	}
	size, err := bson.Marshal(makeItem(0, documents).document())
	if err != nil {
		return err
	}
	const mega = 1 << 20
	_, err = fmt.Fprintf(out, "| resident | after 1 GB | disk without WAL / BSON | WAL |\n| ---: | ---: | ---: | ---: |\n| %d MB | %d MB | %.2f | %d MB |\n",
		idle/mega, used/mega, float64(tables)/float64(documents*len(size)), wal/mega)
	return err
}

// diskUsage returns how many bytes the files below dir take, those of the write-ahead log
// apart.
func diskUsage(dir string) (others, wal int64, err error) {
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		switch {
		case os.IsNotExist(err):
			return nil // deleted in the meantime
		case err != nil:
			return err
		}
		size := info.Sys().(*syscall.Stat_t).Blocks * 512
		if strings.HasSuffix(name, ".log") {
			wal += size
		} else {
			others += size
		}
		return nil
	})
	return others, wal, err
}
