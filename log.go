package smtpace

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/printable"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// logs reports whether the Logger takes records of a level.
func (s *Sender) logs(level slog.Level) bool {
	return s.cfg.Logger.Enabled(context.Background(), level)
}

// logTry logs a transaction.
func (s *Sender) logTry(c *conn, d *delivery, r *pool.Report, now time.Time) {
	if !s.logs(slog.LevelDebug) {
		return
	}
	delivered, other := 0, -1 // other is the first that was not delivered
	for k := range r.Recipients {
		if r.Recipients[k].Verdict.Recipient == classify.RecipientDelivered {
			delivered++
		} else if other < 0 {
			other = k
		}
	}
	attrs := append(d.sub.attrs(),
		slog.String("destination", d.destination), slog.String("relay", c.endpoint.name),
		slog.Uint64("connection", c.pooled.ID()), slog.Int("ordinal", r.Ordinal),
		slog.Int("recipients", len(r.Recipients)), slog.Int("delivered", delivered), slog.Duration("took", now.Sub(r.Began)))
	if other >= 0 {
		a, form := &r.Recipients[other], s.cfg.LogAddresses
		attrs = append(attrs, slog.String("recipient", d.sub.logged(form, d.to[other])), slog.String("stage", a.Stage.String()),
			slog.String("class", a.Verdict.Class.String()))
		if a.Verdict.Throttled() {
			attrs = append(attrs, slog.String("limit", a.Verdict.Limit.String()))
		}
		attrs = append(attrs, d.sub.said(form, "error", a.Err, d.to))
	}
	s.cfg.Logger.LogAttrs(context.Background(), slog.LevelDebug, "smtpace: try", attrs...)
}

// logSettled logs the outcome of every recipient of a settled message.
func (s *Sender) logSettled(sub *Submission) {
	if !s.logs(slog.LevelInfo) {
		return
	}
	form := s.cfg.LogAddresses
	for i := range sub.result.Recipients {
		r := &sub.result.Recipients[i]
		attrs := append(sub.attrs(),
			slog.String("recipient", sub.logged(form, i)), slog.String("destination", r.Destination), slog.String("status", r.Status.String()),
			slog.Int("tries", r.Tries), slog.Duration("waited", sub.result.Settled.Sub(sub.result.Accepted)))
		if r.Err != nil {
			attrs = append(attrs, slog.String("class", r.Class.String()), sub.said(form, "error", r.Err, []int{i}))
		}
		s.cfg.Logger.LogAttrs(context.Background(), slog.LevelInfo, "smtpace: recipient settled", attrs...)
	}
}

// logLesson logs a limit that was learned from the outcome of a delivery; nil when it
// was learned from a connection.
func (s *Sender) logLesson(c *throttle.Change, by *delivery) {
	if !s.logs(slog.LevelInfo) {
		return
	}
	attrs := []slog.Attr{slog.String("scope", c.Scope), slog.String("name", c.Name)}
	if c.Limit != classify.LimitNone {
		attrs = append(attrs, slog.String("limit", c.Limit.String()), slog.Float64("from", c.From), slog.Float64("to", c.To))
	}
	if !c.Until.IsZero() {
		attrs = append(attrs, slog.Time("until", c.Until))
	}
	switch {
	case c.Reason == nil:
	case by == nil:
		attrs = append(attrs, slog.Any("reply", c.Reason))
	default:
		attrs = append(attrs, by.sub.said(s.cfg.LogAddresses, "reply", c.Reason, by.to))
	}
	s.cfg.Logger.LogAttrs(context.Background(), slog.LevelInfo, "smtpace: lesson", attrs...)
}

// attrs returns what names a message in a record.
func (sub *Submission) attrs() []slog.Attr {
	attrs := append(make([]slog.Attr, 0, 16), slog.Uint64("number", sub.result.Number))
	if id := sub.message.ID; id != nil {
		attrs = append(attrs, slog.Any("id", id))
	}
	return attrs
}

// logged returns the address of recipient i for a record.
func (sub *Submission) logged(form LogAddresses, i int) string {
	if form == LogAddressesAsGiven {
		return sub.result.Recipients[i].Address
	}
	return form.address(sub.recipients[i].mailbox)
}

// said returns an error as an attribute. Where addresses are hidden, so are those of the
// sender and of the recipients to, in whatever way the server has repeated them.
func (sub *Submission) said(form LogAddresses, key string, err error, to []int) slog.Attr {
	if err == nil || form == LogAddressesAsGiven {
		return slog.Any(key, err)
	}
	known := []string{sub.from}
	for _, i := range to {
		known = append(known, sub.recipients[i].mailbox)
	}
	return slog.String(key, form.text(err.Error(), known...))
}

// logger returns a Logger whose calls are counted and whose records are safe to print.
// For nil it is that of slog.Default, from Warn on.
func (c *callbacks) logger(l *slog.Logger, form LogAddresses) *slog.Logger {
	if l == nil {
		return slog.New(logHandler{warnings{slog.Default().Handler()}, c, form})
	}
	return slog.New(logHandler{l.Handler(), c, form})
}

// logHandler is the one door to the user's slog.Handler. It counts the calls, makes
// every text one printable line, and hides addresses.
type logHandler struct {
	slog.Handler
	callbacks *callbacks
	form      LogAddresses
}

// Handle implements slog.Handler.
func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	h.callbacks.enter(callLogger)
	defer h.callbacks.leave(callLogger)
	clean := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(slog.Attr{Key: a.Key, Value: h.clean(a.Value)})
		return true
	})
	return h.Handler.Handle(ctx, clean)
}

// clean returns a value whose text is safe to print.
func (h logHandler) clean(v slog.Value) slog.Value {
	v = v.Resolve()
	switch v.Kind() {
	case slog.KindString:
		return slog.StringValue(h.text(v.String()))
	case slog.KindAny:
		err, ok := v.Any().(error)
		if !ok {
			return v
		}
		if text := h.text(err.Error()); text != err.Error() {
			return slog.AnyValue(errors.New(text))
		}
	}
	return v
}

// text returns a text that is safe to print.
func (h logHandler) text(s string) string {
	return printable.Text(h.form.text(s), printable.MaxError)
}

// warnings is a slog.Handler that takes what is at Warn or above.
type warnings struct{ slog.Handler }

// Enabled implements slog.Handler.
func (h warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}
