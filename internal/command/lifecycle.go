package command

import "context"

// Start loads the settings that the store holds and begins the background work.
func (s *Service) Start(ctx context.Context) error {
	if err := s.loadUsers(ctx); err != nil {
		return err
	}
	s.sessions.Start()
	return nil
}

// Close ends the background work, aborts every open transaction and closes every cursor.
// Commands that come later are refused. It is idempotent.
func (s *Service) Close() {
	if s.closing.Swap(true) {
		return
	}
	close(s.stop)
	s.wg.Wait()
	s.sessions.Close()
}
