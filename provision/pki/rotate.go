package pki

import (
	"encoding/pem"
	"slices"
)

// Phases of the rotation of an authority or a key. In the identity the one that
// signs comes first, in certificates and keys alike.
const (
	// Announced: the next one is there and trusted, the old one signs.
	Announced = "announced"
	// Trusted: all hosts work so, and clients get time to learn of it.
	Trusted = "trusted"
	// Signing: the next one signs, both are trusted.
	Signing = "signing"
	// Signed: all hosts work so, and what the old one signed gets time to end.
	Signed = "signed"
	// Dropped: the old one is gone from the identity, not yet from all memories.
	Dropped = "dropped"
)

// Follows reports whether a rotation goes on from one phase to another; "" is
// none.
func Follows(from, to string) bool {
	next := map[string][]string{
		"":        {Announced},
		Announced: {Trusted, Signing},
		Trusted:   {Signing},
		Signing:   {Signed, Dropped},
		Signed:    {Dropped},
		Dropped:   {""},
	}
	return slices.Contains(next[from], to)
}

// Blocks are the blocks of a PEM text, each as PEM.
func Blocks(text []byte) [][]byte {
	var list [][]byte
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		list = append(list, pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}))
	}
	return list
}

// First is the first block of a PEM text: of an authority, or of keys, the one
// that signs.
func First(text []byte) []byte {
	if list := Blocks(text); len(list) > 0 {
		return list[0]
	}
	return nil
}

// Turned is a list of what signs and what is trusted beside it as a phase wants
// it. It is its own inverse in no phase, so it is asked once for each.
func Turned(phase string, list [][]byte, next []byte) [][]byte {
	switch {
	case phase == Announced && len(list) > 0:
		return [][]byte{list[0], next}
	case phase == Signing && len(list) == 2:
		return [][]byte{list[1], list[0]}
	case phase == Dropped && len(list) > 0:
		return list[:1]
	}
	return list
}
