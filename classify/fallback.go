package classify

import (
	_ "embed"
	"encoding/binary"
)

// The fallback is a linear model over pieces of four characters of a folded text.
// It has the last word where no rule has understood the words and a code alone would
// decide. It names no limit, and never makes a refusal final.
const (
	fallbackRows  = 1 << 12 // the number of rows of weights; pieces share rows by their hash
	fallbackWidth = 32      // the length of a row in bytes, a weight for each class
	fallbackZero  = 128     // the byte that stands for the weight 0
	fallbackReach = 200     // the number of bytes that are read of a text: at most 255 rows may be added up
	pieceLength   = 4
	// fallbackMargin is the least lead over the second class, in the unit of the
	// weights, with which the model is believed.
	fallbackMargin = 8
)

// fallbackWeights has one row of weights for each piece, one byte a class. It is made
// from labelled replies by "go test -run TestFallback ./classify -train"; without -train
// the test compares.
//
//go:embed fallback.bin
var fallbackWeights []byte

// hash mixes a piece of a text into the number of a row.
func hash(piece uint32) uint16 {
	piece *= 0x9E3779B1
	return uint16((piece ^ piece>>15) * 0x85EBCA77 >> 20)
}

// Marks of the pieces that are not of the text. No folded text has such bytes.
const (
	pieceOfCode     = 0xFE000000
	pieceOfEnhanced = 0xFD000000
	pieceOfStage    = 0xFC000000
)

// guessName is the name in [Verdict.Rule] of what the fallback has found.
const guessName = "guess-words"

// fewestLetters is the length of the shortest folded text that the fallback judges.
const fewestLetters = 12

// pieces appends the rows of the pieces of a refusal to a list.
func pieces(rows []uint16, in Input, r *Reply, folded []byte) []uint16 {
	var piece uint32
	for i, c := range folded[:min(len(folded), fallbackReach)] {
		if isDigit(c) {
			c = '0'
		}
		piece = piece<<8 | uint32(c)
		if i >= pieceLength-1 {
			rows = append(rows, hash(piece))
		}
	}
	rows = append(rows, hash(pieceOfCode|uint32(r.Code)), hash(pieceOfCode|uint32(r.Code/100)), hash(pieceOfStage|uint32(in.Stage)))
	if e, ok := parseEnhanced(r.Enhanced); ok {
		rows = append(rows, hash(pieceOfEnhanced|uint32(e[1])<<12|uint32(e[2])), hash(pieceOfEnhanced|uint32(e[1])<<12|0xFFF))
	}
	return rows
}

// guess returns the class that the model finds, and whether it is sure enough. It
// adds up eight weights at a time, each in a lane of 16 bits.
func guess(weights []byte, in Input, r *Reply, folded []byte) (Class, bool) {
	const lanes = 0x00FF00FF00FF00FF
	var room [fallbackReach + 8]uint16
	var even, odd [fallbackWidth / 8]uint64
	rows := pieces(room[:0], in, r, folded)
	for _, row := range rows {
		at := weights[int(row)*fallbackWidth:][:fallbackWidth]
		for i := range even {
			w := binary.LittleEndian.Uint64(at[8*i:])
			even[i] += w & lanes
			odd[i] += w >> 8 & lanes
		}
	}
	best := ClassUnknown
	var lead, second int
	for class := range Classes {
		if limitOfClass[class] != LimitNone || Class(class) == ClassOK || Class(class) == ClassGreylisted {
			continue
		}
		lane := even[class/8]
		if class%2 == 1 {
			lane = odd[class/8]
		}
		switch sum := int(uint16(lane >> (class % 8 / 2 * 16))); {
		case sum > lead:
			best, lead, second = Class(class), sum, lead
		default:
			second = max(second, sum)
		}
	}
	return best, best != ClassUnknown && lead-second >= fallbackMargin
}
