package smtpace

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/smtpace/smtpace/internal/printable"
)

// Memory keeps what a Sender has learned, and what it has used of quotas and
// warm-ups, while no Sender runs. Its methods are not called concurrently.
// [File] is a Memory.
type Memory interface {
	// Load returns the snapshot that was saved last; nothing when there is none.
	// Its error is an error of New. A snapshot that cannot be used, because it is
	// damaged, of another version or of the future, is not: New warns and begins
	// anew, unless Config.WarmUps need what was used.
	Load() ([]byte, error)
	// Save replaces the snapshot. When it fails the old one must be intact. Shutdown
	// and Drain wait for it as long as their contexts allow, Close for 80 ms: where
	// it may take longer, as on a busy disk, end with Shutdown.
	Save(snapshot []byte) error
}

// File is a Memory in the file of that name. Every Save replaces the file as a
// whole. Two processes must not share it.
type File string

// Load reads the file. It returns nothing when the file does not exist, and an
// error when its directory does not, for Save would fail. Save would replace a device
// such as /dev/null, so only a regular file is read.
func (f File) Load() ([]byte, error) {
	if f == "" {
		return nil, errors.New(`File("") names no file; a nil Memory keeps nothing`)
	}
	switch info, err := os.Stat(string(f)); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, f.mayBegin()
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%q is not a regular file", string(f))
	}
	return os.ReadFile(string(f))
}

// mayBegin returns an error where Save could write no file.
func (f File) mayBegin() error {
	dir := filepath.Dir(string(f))
	switch info, err := os.Stat(dir); {
	case err != nil:
		return fmt.Errorf("the directory of File(%q) must exist: %w", string(f), err)
	case !info.IsDir():
		return fmt.Errorf("the directory of File(%q) must exist: %q is not a directory", string(f), dir)
	}
	return nil
}

// Save writes a new file beside the old one and renames it.
func (f File) Save(snapshot []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(string(f)), filepath.Base(string(f))+".*")
	if err != nil {
		return err
	}
	_, err = temp.Write(snapshot)
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), string(f))
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}

// Snapshot returns what was learned of receivers, and what has been used of
// rates, quotas and warm-ups, as JSON for Restore. Messages are not part of it.
// A Sender with a Config.Memory needs no call of it.
func (s *Sender) Snapshot() ([]byte, error) { return s.sched.Snapshot(time.Now()) }

// Restore takes over a Snapshot, aged by the time that has passed since. Call
// it before anything is sent: what is known already stays. It changes nothing
// when it returns an error, for a text that is no snapshot.
func (s *Sender) Restore(snapshot []byte) error { return s.sched.Restore(time.Now(), snapshot) }

// saveEvery is the time between two saves, and so the bound of what a crash
// loses.
const saveEvery = 30 * time.Second

// load restores the snapshot of Config.Memory.
func (s *Sender) load() error {
	return restoreFrom(s.cfg.Memory, len(s.cfg.WarmUps) > 0, s.Restore, s.cfg.Logger)
}

// restoreFrom restores the snapshot of a Memory, which may be nil. A snapshot that
// cannot be used is an error only if there are warm-ups. Lessons can be learned again,
// but a day of a warm-up must not begin twice.
func restoreFrom(m Memory, warmUps bool, restore func([]byte) error, log *slog.Logger) error {
	if m == nil {
		return nil
	}
	snapshot, err := m.Load()
	if err != nil {
		return fmt.Errorf("smtpace: Config.Memory: %w", printable.Error(err))
	}
	if len(snapshot) == 0 {
		return nil
	}
	switch err := restore(snapshot); {
	case err == nil:
	case warmUps:
		return fmt.Errorf("smtpace: Config.Memory: what was used of Config.WarmUps is lost; remove the snapshot to begin their day anew: %w", err)
	default:
		log.Warn("smtpace: what was learned cannot be read and is learned again", "error", err)
	}
	return nil
}

// saveNow saves unless the Sender is stopping: Shutdown and Close save last, and
// another Sender may use the Memory after that. The timer calls it.
func (s *Sender) saveNow() {
	if !s.isStopping() {
		s.save()
	}
}

// save gives Config.Memory a snapshot.
func (s *Sender) save() {
	if s.cfg.Memory == nil {
		return
	}
	s.saving.save(s.Snapshot, s.saveSnapshot, s.cfg.Logger)
}

// saving writes snapshots one after the other, so that the newest is written last.
type saving struct{ mu sync.Mutex }

// save takes a snapshot and writes it, and logs a failure of either.
func (o *saving) save(snapshot func() ([]byte, error), write func([]byte) error, log *slog.Logger) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b, err := snapshot()
	if err == nil {
		err = write(b)
	}
	if err != nil {
		log.Warn("smtpace: what was learned could not be saved", "error", err)
	}
}

// saveSnapshot calls Memory.Save.
func (s *Sender) saveSnapshot(snapshot []byte) error {
	s.callbacks.enter(callMemory)
	defer s.callbacks.leave(callMemory)
	return saveTo(s.cfg.Memory, snapshot)
}

// saveTo calls Save of a Memory.
func saveTo(m Memory, snapshot []byte) error {
	err := errSaveEnded
	apart(func() { err = printable.Error(unpanicked("Memory.Save", func() error { return m.Save(snapshot) })) })
	return err
}

var errSaveEnded = errors.New("smtpace: Memory.Save has ended its goroutine")
