package classify

import (
	"bufio"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// row is a labelled reply.
type row struct {
	stage    Stage
	provider string
	label    string
	text     string
	reply    *Reply
	source   string // the repository or document
	folded   []byte
}

// corpus reads the labelled replies, which are no part of the project.
func corpus(t testing.TB) []row {
	t.Helper()
	rows := labelled()
	if rows == nil {
		t.Skip("the labelled replies are not here")
	}
	return rows
}

// labelled reads the labelled replies, none where they are not to be had.
func labelled() []row {
	f, err := os.Open(filepath.Join("..", "..", "shared", "corpus", "replies.tsv"))
	if err != nil {
		return nil
	}
	defer f.Close()
	var rows []row
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		field := strings.Split(lines.Text(), "\t")
		if len(field) < 8 || field[0] == "code" {
			continue
		}
		stage := StageUnknown
		if err := stage.UnmarshalText([]byte(field[2])); err != nil {
			stage = StageUnknown
		}
		text := field[6]
		if len(text) < 4 || strings.IndexByte(" -", text[3]) < 0 {
			text = field[0] + " " + text // a code that the source wrote in its own way
		}
		reply, err := ParseReply(text)
		if err != nil {
			panic(err)
		}
		rows = append(rows, row{stage, field[3], field[4], text, reply, repository(field[7]), fold(nil, reply.Text)})
	}
	return rows
}

// score counts what the issue measures.
type score struct{ all, right, all4, right4, fates, fated, limits, named, false, unnamed int }

func (s *score) add(r row, v Verdict) (class, fate, limit bool) {
	s.all++
	class, fate, limit = v.Class.String() == r.label, true, true
	if class {
		s.right++
	}
	if r.reply.Code/100 == 4 {
		s.all4++
		if class {
			s.right4++
		}
	}
	if r.reply.Code/100 == 4 || !slices.Contains(unscoredFates, r.label) {
		want := RecipientRefused
		if r.reply.Code/100 == 4 || limitsOfLabel[r.label] != nil || r.isAboutOurAddress() {
			want = RecipientLater
		}
		s.fated++
		fate = v.Recipient == want
		if fate {
			s.fates++
		}
	}
	switch want := limitsOfLabel[r.label]; {
	case want != nil:
		s.named++
		limit = slices.Contains(want, v.Limit)
		if limit {
			s.limits++
		}
	case !slices.Contains(freeOfLimit, r.label):
		s.unnamed++
		limit = v.Limit == LimitNone
		if !limit {
			s.false++
		}
	}
	return class, fate, limit
}

// isAboutOurAddress reports whether a reply is about the DNS of the client's
// address, which is the same for any recipient.
func (r row) isAboutOurAddress() bool {
	if r.label != "dns-sender" {
		return false
	}
	text := strings.ToLower(r.text)
	return slices.ContainsFunc([]string{"reverse dns", " rdns", " ptr ", "ip name lookup"}, func(words string) bool {
		return strings.Contains(text, words)
	})
}

func percent(part, all int) float64 { return 100 * float64(part) / float64(max(all, 1)) }

var unscoredFates = []string{
	"mailbox-full", "ip-reputation", "domain-reputation", "server-busy", "insufficient-storage", "policy", "unknown", "smtp-auth",
	"tls", "protocol", "network",
}

var freeOfLimit = []string{"ip-reputation", "domain-reputation", "server-busy", "policy"}

var limitsOfLabel = map[string][]Limit{
	"too-many-connections":     {LimitConnections},
	"connection-message-limit": {LimitMessagesPerConnection},
	"too-many-recipients":      {LimitRecipientsPerMessage},
	"recipient-rate-limited":   {LimitMailboxRate},
	"rate-limited":             {LimitConnectionRate, LimitMessageRate, LimitRecipientRate, LimitMailboxRate, LimitQuota},
}

// half tells the two halves of the corpus apart, by the text alone.
func half(r row) int {
	h := fnv.New32a()
	h.Write([]byte(r.text))
	return int(h.Sum32()>>16) & 1
}

// TestCorpus prints the figures and holds them above what was asked for: 95 % of
// the classes of 4yz and 90 % of all, 98 % of the fates, 95 % of the limits with at
// most 1 % of others taken for one. The halves are there to compare: rules that
// were made from one must do as well on the other.
func TestCorpus(t *testing.T) {
	rows := corpus(t)
	for _, staged := range []bool{true, false} {
		var s [3]score // of each half, and of all
		for _, r := range rows {
			in := Input{Stage: StageUnknown}
			if staged {
				in = Input{Stage: r.stage, Provider: r.provider}
			}
			v := (&Classifier{}).Of(in, r.reply)
			s[half(r)].add(r, v)
			if class, fate, limit := s[2].add(r, v); staged && !(class && fate && limit) {
				t.Logf("%s: got %s by %s (class %v, fate %v, limit %v) at %s: %.170s", r.label, v.Class, v.Rule, class, fate, limit, r.stage, r.text)
			}
		}
		for i, name := range []string{"one half", "the other", "all"} {
			t.Logf("stages given: %v; %s: %v", staged, name, s[i])
		}
		if s := s[2]; percent(s.right4, s.all4) < 97 || percent(s.right, s.all) < 96.5 || percent(s.fates, s.fated) < 99 ||
			percent(s.limits, s.named) < 99 || percent(s.false, s.unnamed) > 0.5 {
			t.Errorf("stages given: %v: worse than before", staged)
		}
	}
}

func (s score) String() string {
	return fmt.Sprintf("class %.1f %% of %d, of 4yz %.1f %% of %d; fate %.1f %%; limit %.1f %% of %d, false %.2f %%",
		percent(s.right, s.all), s.all, percent(s.right4, s.all4), s.all4, percent(s.fates, s.fated),
		percent(s.limits, s.named), s.named, percent(s.false, s.unnamed))
}
