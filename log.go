package smtpace

import (
	"context"
	"errors"
	"log/slog"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/printable"
	"github.com/smtpace/smtpace/throttle"
)

// journal writes the records of tries, outcomes and lessons. A level that its Logger does
// not take costs nothing.
type journal struct {
	*slog.Logger
	form LogAddresses
}

// takes reports whether the Logger takes records of a level.
func (j journal) takes(level slog.Level) bool { return j.Enabled(context.Background(), level) }

// try logs a try for mail of a sender.
func (j journal) try(t *Try, from string) {
	if !j.takes(slog.LevelDebug) {
		return
	}
	delivered, other := 0, -1 // other is the first that was not delivered
	for k := range t.Recipients {
		if t.Recipients[k].Verdict.Recipient == classify.RecipientDelivered {
			delivered++
		} else if other < 0 {
			other = k
		}
	}
	attrs := append(attrsOf(t.Number, t.ID),
		slog.String("destination", t.Destination), slog.String("relay", t.Relay),
		slog.Uint64("connection", t.Connection), slog.Int("ordinal", t.Ordinal),
		slog.Int("recipients", len(t.Recipients)), slog.Int("delivered", delivered), slog.Duration("took", t.Time.Sub(t.Began)))
	if other >= 0 {
		r := &t.Recipients[other]
		attrs = append(attrs, slog.Any("recipient", hiddenText(j.form.text(r.Address))), slog.String("stage", r.Stage.String()),
			slog.String("class", r.Verdict.Class.String()))
		if r.Verdict.Throttled() {
			attrs = append(attrs, slog.String("limit", r.Verdict.Limit.String()))
		}
		attrs = append(attrs, j.said("error", r.Err, append(addressesOf(t), from)...))
	}
	j.LogAttrs(context.Background(), slog.LevelDebug, "smtpace: try", attrs...)
}

// addressesOf returns the recipients of a try.
func addressesOf(t *Try) (all []string) {
	for k := range t.Recipients {
		all = append(all, t.Recipients[k].Address)
	}
	return all
}

// settled logs the outcome of every recipient of a settled message of a sender.
func (j journal) settled(r *Result, from string) {
	if !j.takes(slog.LevelInfo) {
		return
	}
	for i := range r.Recipients {
		of := &r.Recipients[i]
		attrs := append(attrsOf(r.Number, r.ID),
			slog.Any("recipient", hiddenText(j.form.text(of.Address))), slog.String("destination", of.Destination), slog.String("status", of.Status.String()),
			slog.Int("tries", of.Tries), slog.Duration("waited", r.Settled.Sub(r.Accepted)))
		if of.Err != nil {
			attrs = append(attrs, slog.String("class", of.Class.String()), j.said("error", of.Err, of.Address, from))
		}
		j.LogAttrs(context.Background(), slog.LevelInfo, "smtpace: recipient settled", attrs...)
	}
}

// lessons logs what was learned, and passes it to tell unless that is nil. known are the
// addresses that the replies may repeat.
func (j journal) lessons(changes []throttle.Change, tell func(throttle.Change), known []string) {
	for i := range changes {
		j.lesson(&changes[i], known...)
	}
	if tell == nil {
		return
	}
	for _, c := range changes {
		tell(c)
	}
}

// lesson logs a learned limit, or a breaker that has opened or closed. known are the
// addresses that the reply may repeat.
func (j journal) lesson(c *throttle.Change, known ...string) {
	if c.Breaker {
		logBreaker(j.Logger, c)
		return
	}
	if !j.takes(slog.LevelInfo) {
		return
	}
	attrs := []slog.Attr{slog.String("scope", c.Scope), slog.String("name", c.Name)}
	if c.Limit != classify.LimitNone {
		attrs = append(attrs, slog.String("limit", c.Limit.String()), slog.Float64("from", c.From), slog.Float64("to", c.To))
	}
	if !c.Until.IsZero() {
		attrs = append(attrs, slog.Time("until", c.Until))
	}
	if c.Reason != nil {
		attrs = append(attrs, j.said("reply", c.Reason, known...))
	}
	j.LogAttrs(context.Background(), slog.LevelInfo, "smtpace: lesson", attrs...)
}

// attrsOf returns what names a message in a record.
func attrsOf(number uint64, id any) []slog.Attr {
	attrs := append(make([]slog.Attr, 0, 16), slog.Uint64("number", number))
	if id != nil {
		attrs = append(attrs, slog.Any("id", id))
	}
	return attrs
}

// said returns an error as an attribute. Where addresses are hidden, so are the known
// ones, in whatever way the server has repeated them.
func (j journal) said(key string, err error, known ...string) slog.Attr {
	if err == nil || j.form == LogAddressesAsGiven {
		return slog.Any(key, err)
	}
	return slog.Any(key, hiddenText(j.form.text(err.Error(), known...)))
}

// hiddenText is a text whose addresses have their form already: hashed once more, they
// would be others.
type hiddenText string

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
		if text, ok := v.Any().(hiddenText); ok {
			return slog.StringValue(printable.Text(string(text), printable.MaxError))
		}
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
