package command

import (
	"context"
	"log/slog"
	"time"
)

// reclaimEvery is how often dropped collections and indexes are destroyed.
const reclaimEvery = 10 * time.Second

// Start loads the settings that the store holds and begins the background work.
func (s *Service) Start(ctx context.Context) error {
	if err := s.loadUsers(ctx); err != nil {
		return err
	}
	if err := s.loadFCV(ctx); err != nil {
		return err
	}
	s.sessions.Start()
	ctx, s.stopWork = context.WithCancel(context.WithoutCancel(ctx))
	s.wg.Add(2)
	go s.expireLoop(ctx)
	go s.reclaimLoop(ctx)
	return nil
}

// Close ends the background work, aborts every open transaction and closes every cursor.
// Commands that come later are refused. It is idempotent.
func (s *Service) Close() {
	if s.closing.Swap(true) {
		return
	}
	close(s.stop)
	if s.stopWork != nil {
		s.stopWork()
	}
	s.wg.Wait()
	s.sessions.Close()
}

// expireLoop deletes the documents that TTL indexes call expired.
func (s *Service) expireLoop(ctx context.Context) {
	defer s.wg.Done()
	for {
		timer := time.NewTimer(time.Duration(s.params.ttlSleep.Load()) * time.Second)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-s.params.wakeTTL:
			timer.Stop()
			continue
		case <-timer.C:
		}
		if !s.params.ttlEnabled.Load() {
			continue
		}
		n, err := s.store.ExpireDocuments(ctx, s.now())
		s.ttlDeleted.Add(n)
		s.ttlPasses.Add(1)
		s.report("could not delete expired documents", err)
	}
}

// reclaimLoop frees the space of what was dropped.
func (s *Service) reclaimLoop(ctx context.Context) {
	defer s.wg.Done()
	ticker := time.NewTicker(reclaimEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.report("could not free the space of dropped collections", s.store.Reclaim(ctx))
		}
	}
}

func (s *Service) report(what string, err error) {
	if err != nil && !s.closing.Load() {
		s.logger.Warn(what, slog.Any("error", err))
	}
}
