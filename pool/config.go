package pool

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Config is the configuration of a [Pool]. Its zero value is usable.
type Config struct {
	Timeouts Timeouts

	// Classifier judges the replies; nil means the built-in rules.
	Classifier *classify.Classifier

	// Resolver finds the addresses of hosts; nil means net.DefaultResolver. It is
	// not asked for an Endpoint with a DialContext of its own.
	Resolver Resolver

	// IdleTimeout is the time for which a connection may be idle before it is
	// ended with QUIT. The default is 8 s, as some relays close after 10 s.
	IdleTimeout time.Duration

	// MaxAge is the time after its dial in which a connection may begin
	// transactions. The default is 5 min, so that changed addresses and
	// certificates are noticed.
	MaxAge time.Duration

	// NoFollowers has every envelope wait for the reply to the dot in front of it. By
	// default the next envelope goes out in the same write as a dot. An endpoint whose
	// connections break then gets none so for a while.
	NoFollowers bool

	// Transcript returns the writer for the transcript of a connection, named by its
	// endpoint and its number; nil for none. Each Write is one printable line of at
	// most about 1 KiB. It has the time, the number of the connection, and a line of
	// the client (C:), a line of the server (S:) or an event of the connection (--).
	// Messages, login challenges and the responses to them appear by their lengths. A
	// Verify has a transcript as well.
	//
	// A goroutine of the transcript makes all calls, also that of Close of an io.Closer
	// at its end. Nothing waits for the writer: lines that it is too slow for, or fails
	// for, are lost, and a later line gives their number. Close and Shutdown of the
	// Pool wait while writers take lines, for a second at most. nil means no
	// transcripts, which costs nothing.
	Transcript func(endpoint string, id uint64) io.Writer
}

// withDefaults returns c with its zero fields filled in.
func (c Config) withDefaults() Config {
	if c.Classifier == nil {
		c.Classifier = new(classify.Classifier)
	}
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	return Config{
		Timeouts:    c.Timeouts.withDefaults(),
		Classifier:  c.Classifier,
		Resolver:    c.Resolver,
		IdleTimeout: cmp.Or(c.IdleTimeout, 8*time.Second),
		MaxAge:      cmp.Or(c.MaxAge, 5*time.Minute),
		NoFollowers: c.NoFollowers,
		Transcript:  c.Transcript,
	}
}

// validate names every negative field.
func (c Config) validate() error {
	errs := []error{c.Timeouts.validate()}
	if c.IdleTimeout < 0 {
		errs = append(errs, fmt.Errorf("pool: IdleTimeout is %v; it must be positive, or 0 for the default", c.IdleTimeout))
	}
	if c.MaxAge < 0 {
		errs = append(errs, fmt.Errorf("pool: MaxAge is %v; it must be positive, or 0 for the default", c.MaxAge))
	}
	return errors.Join(errs...)
}
