package classify

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/textproto"
	"reflect"
	"slices"
	"testing"
)

// TestNumbersInTexts reads what stands for itself, and nothing of a word, an address or
// a version.
func TestNumbersInTexts(t *testing.T) {
	for text, want := range map[string][]int64{
		" limit 20 ":                  {20},
		" limit of 1 000 messages ":   {1000},
		" limit of 10 000 messages ":  {10_000},
		" limit of 100 000 messages ": {100_000},
		" 1 000 000 recipients ":      {1_000_000},
		" 200 000 000 octets ":        {200_000_000},
		" 1 000 000 000 000 octets ":  {1_000_000_000},
		" 1000 000 x ":                {1000},
		" 100 400 x ":                 {100, 400},
		" 100 500 x ":                 {100, 500},
		" 100 50 x ":                  {100, 50},
		" twenty messages ":           {20},
		" only one and hundred ":      {1, 100},
		" onerous tent ":              nil,
		" 192.0.2.1 ":                 nil,
		" v1.2.3 ":                    nil,
		" 5.7.1 ":                     nil,
		" mx1 smtp2 aaz9 zz7 ":        nil,
		" a:25 b/20 c.7 ":             nil,
		" 10mb ":                      {10 << 20},
		" 1.5mb ":                     {1<<20 + 1<<19},
		" 7x ":                        nil,
	} {
		var got []int64
		for _, n := range numbersIn(make([]number, 0, 8), []byte(text)) {
			got = append(got, n.value)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
	for c := range 256 {
		text := fmt.Sprintf(" %c7 ", c)
		if c == ' ' || c >= '0' && c <= '9' || c >= 0x80 {
			continue
		}
		joins := c >= 'a' && c <= 'z' || c == '.' || c == ':' || c == '/'
		if got := numbersIn(make([]number, 0, 8), []byte(text)); (len(got) == 0) != joins {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

// TestNamesOfHosts tells them from sentences without a blank.
func TestNamesOfHosts(t *testing.T) {
	for name, want := range map[string]bool{
		"mx.example": true, "mx.example.com": true, "mail.example.ar": true, "a.example.at": true, "x.ca": true, "mx.example.cat": true,
		"mx.example.travel": true, "mx.example.museums": false, "b.z.az": true, "refused.see": false, "refused.please": false,
		"10.0.0.1": false, "mx.example.c0m": false, "mx.example.com/help": false, "mx.example.com:25": false, ".com": false, "com": false,
	} {
		if got := isHost([]byte(name)); got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
	}
}

// TestPiecesOfAnEnhancedCode: the model sees the subject and the whole of it, so that
// codes of one subject have a piece in common and those of two have none.
func TestPiecesOfAnEnhancedCode(t *testing.T) {
	of := func(code string) []uint16 {
		all := pieces(nil, Input{Stage: StageRcpt}, &Reply{Code: 450, Enhanced: code}, nil)
		return all[3:]
	}
	all := map[string][]uint16{}
	for _, code := range []string{"4.7.1", "4.7.2", "4.2.1", "4.2.2", "4.1.7"} {
		all[code] = of(code)
		if len(all[code]) != 2 {
			t.Fatalf("%s has %d pieces", code, len(all[code]))
		}
	}
	common := func(a, b string) (n int) {
		for _, piece := range all[a] {
			if slices.Contains(all[b], piece) {
				n++
			}
		}
		return n
	}
	for _, tt := range []struct {
		a, b string
		want int
	}{{"4.7.1", "4.7.2", 1}, {"4.2.1", "4.2.2", 1}, {"4.7.1", "4.2.1", 0}, {"4.7.2", "4.2.2", 0}, {"4.1.7", "4.7.1", 0}} {
		if got := common(tt.a, tt.b); got != tt.want {
			t.Errorf("%s and %s have %d pieces in common, want %d", tt.a, tt.b, got, tt.want)
		}
	}
	if got := of("x"); len(got) != 0 {
		t.Errorf("what is no code has %d pieces", len(got))
	}
}

// TestPiecesOfACode: all codes of one first digit have a piece in common, beside that of
// the stage.
func TestPiecesOfACode(t *testing.T) {
	of := func(code int) []uint16 { return pieces(nil, Input{Stage: StageRcpt}, &Reply{Code: code}, nil) }
	for _, codes := range [][2]int{{400, 450}, {450, 499}, {500, 550}, {550, 599}} {
		a, b := of(codes[0]), of(codes[1])
		if common := slices.DeleteFunc(a, func(piece uint16) bool { return !slices.Contains(b, piece) }); len(common) != 2 {
			t.Errorf("%d and %d have %d pieces in common, want 2", codes[0], codes[1], len(common))
		}
	}
}

// TestPiecesOfDigits: numbers differ, and tell the model nothing.
func TestPiecesOfDigits(t *testing.T) {
	of := func(text string) []uint16 { return pieces(nil, Input{}, &Reply{Code: 450}, []byte(text)) }
	zeros := of(" error 0000 of queue ")
	for _, text := range []string{" error 1234 of queue ", " error 9999 of queue ", " error 0910 of queue "} {
		if !slices.Equal(of(text), zeros) {
			t.Errorf("%q has other pieces", text)
		}
	}
	if slices.Equal(of(" error :::: of queue "), zeros) || slices.Equal(of(" error //// of queue "), zeros) {
		t.Error("what is no digit counts as one")
	}
}

// TestReplyThatIsNil is none, however it is wrapped.
func TestReplyThatIsNil(t *testing.T) {
	var none *Reply
	some := &Reply{Code: 450}
	for _, tt := range []struct {
		err  error
		want *Reply
	}{
		{none, nil},
		{fmt.Errorf("dial: %w", none), nil},
		{errors.New("450 in a text"), nil},
		{errors.Join(none, some), nil},
		{errors.Join(none, &textproto.Error{Code: 451, Msg: "4.3.0 later"}), NewReply(451, "4.3.0 later")},
		{some, some},
		{fmt.Errorf("rcpt: %w", some), some},
	} {
		if got := replyIn(tt.err); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("got %v, want %v", got, tt.want)
		}
	}
}

// TestEveryNameInJSON reads back what is written, for every value that can be read.
func TestEveryNameInJSON(t *testing.T) {
	type all struct {
		Class Class
		Stage Stage
		Scope Scope
		Limit Limit
	}
	for i := range uint8(Classes) {
		want := all{Class(i), Stage(i % uint8(len(stageNames))), Scope(i % uint8(len(scopeNames))), Limit(i % uint8(len(limitNames)))}
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got all
		if err := json.Unmarshal(text, &got); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
		v := Verdict{Recipient: Recipient(i % uint8(len(recipientNames))), Connection: Connection(i % uint8(len(connectionNames)))}
		shown := fmt.Sprintf("[%q,%q]", v.Recipient, v.Connection)
		if text, err := json.Marshal([]any{v.Recipient, v.Connection}); err != nil || string(text) != shown {
			t.Errorf("got %s, %v, want %s", text, err, shown)
		}
	}
}
