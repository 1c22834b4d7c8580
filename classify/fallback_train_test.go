package classify

import (
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

var train = flag.Bool("train", false, "train the fallback and write classify/fallback.bin")

// sample is a labelled reply as the model sees it.
type sample struct {
	rows  []uint16
	class Class
}

func sampleOf(in Input, r *Reply, label string) (s sample, ok bool) {
	if s.class.UnmarshalText([]byte(label)) != nil {
		return s, false
	}
	var names names
	folded := foldNames(nil, r.Text, &names)
	names.hide(folded)
	s.rows = pieces(nil, in, r, folded)
	return s, true
}

// samples returns the labelled replies of all sources but one, and those of testdata but
// the ones that are held back.
func samples(t testing.TB, rows []row, but string) (list []sample) {
	t.Helper()
	for _, r := range rows {
		if r.source == but {
			continue
		}
		if s, ok := sampleOf(Input{Stage: r.stage}, r.reply, r.label); ok {
			list = append(list, s)
		}
	}
	for _, f := range foundReplies(t) {
		if s, ok := sampleOf(Input{Stage: f.stage}, f.reply, f.classes[0]); ok && (f.half == "train" || f.half == "known") {
			list = append(list, s)
		}
	}
	wordings, err := os.ReadFile("testdata/wordings.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(wordings)) {
		field := strings.SplitN(strings.TrimSpace(line), " ", 3)
		if len(field) < 3 || field[0] == "#" {
			continue
		}
		if r, err := ParseReply(field[2]); err == nil {
			if s, ok := sampleOf(Input{Stage: StageUnknown}, r, field[0]); ok {
				list = append(list, s)
			}
		}
	}
	return list
}

// epochs is the number of times that each sample is shown.
const epochs = 12

// trained returns weights by logistic regression: descent along the gradient of one
// sample after another in a fixed order, with weights that decay.
func trained(list []sample, epochs int) []byte {
	const rate, decay, scale = 0.12, 2e-5, 24
	weights := make([]float32, fallbackRows*Classes)
	order := rand.New(rand.NewPCG(1, 2))
	for epoch := range epochs {
		step := float32(rate / (1 + 0.3*float64(epoch)))
		for _, i := range order.Perm(len(list)) {
			descend(weights, list[i], step, decay)
		}
	}
	b := make([]byte, fallbackRows*fallbackWidth)
	for i, w := range weights {
		b[i/Classes*fallbackWidth+i%Classes] = byte(fallbackZero + max(-127, min(127, math.Round(float64(w)*scale))))
	}
	return b
}

func descend(weights []float32, s sample, step, decay float32) {
	var sums [Classes]float32
	norm := 1 / float32(math.Sqrt(float64(len(s.rows))))
	for _, row := range s.rows {
		for c, w := range weights[int(row)*Classes:][:Classes] {
			sums[c] += w
		}
	}
	total := float32(0)
	top := sums[0]
	for _, sum := range sums {
		top = max(top, sum)
	}
	for c := range sums {
		sums[c] = float32(math.Exp(float64(sums[c] - top)))
		total += sums[c]
	}
	for c := range sums {
		sums[c] = -sums[c] / total
	}
	sums[s.class]++
	for _, row := range s.rows {
		at := weights[int(row)*Classes:][:Classes]
		for c := range at {
			at[c] += step*norm*sums[c] - decay*at[c]
		}
	}
}

// TestFallback trains the fallback and compares the weights with those of the package,
// or writes them:
//
//	go test -run TestFallback ./classify -train
//
// Run it after a change of the labelled replies, of testdata, or of what
// fold and pieces make of a text. One weight in a thousand may differ, as some machines
// round a sum of products once and others twice.
func TestFallback(t *testing.T) {
	weights := trained(samples(t, corpus(t), ""), epochs)
	if *train {
		if err := os.WriteFile("fallback.bin", weights, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	differ := 0
	for i, w := range weights {
		if w != fallbackWeights[i] {
			differ++
		}
	}
	if len(weights) != len(fallbackWeights) || differ > len(weights)/1000 {
		t.Errorf("%d of %d weights are not those of the training: train again with -train", differ, len(weights))
	}
}
