package inventory

import (
	"fmt"
	"math/big"
	"net/netip"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/gocty"
)

func strParam(name string) function.Parameter {
	return function.Parameter{Name: name, Type: cty.String}
}
func numParam(name string) function.Parameter {
	return function.Parameter{Name: name, Type: cty.Number}
}

// cidrFunc is a function of a prefix and of what follows it.
func cidrFunc(spec function.Spec, impl func(p netip.Prefix, args []cty.Value) (cty.Value, error)) function.Function {
	spec.Params = append([]function.Parameter{strParam("prefix")}, spec.Params...)
	spec.Impl = func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		p, err := parseCIDR(args[0].AsString())
		if err != nil {
			return cty.NilVal, function.NewArgError(0, err)
		}
		return impl(p, args)
	}
	return function.New(&spec)
}

// wholeArg is an argument that must be a whole number.
func wholeArg(args []cty.Value, i int) (*big.Int, error) {
	n, accuracy := args[i].AsBigFloat().Int(nil)
	if accuracy != big.Exact {
		return nil, function.NewArgErrorf(i, "must be a whole number")
	}
	return n, nil
}

func cidrHostFunc() function.Function {
	spec := function.Spec{Params: []function.Parameter{numParam("hostnum")}, Type: function.StaticReturnType(cty.String)}
	return cidrFunc(spec, func(p netip.Prefix, args []cty.Value) (cty.Value, error) {
		n, err := wholeArg(args, 1)
		if err != nil {
			return cty.NilVal, err
		}
		a, err := nthAddress(p, n)
		if err != nil {
			return cty.NilVal, err
		}
		return cty.StringVal(a.String()), nil
	})
}

func cidrNetmaskFunc() function.Function {
	spec := function.Spec{Type: function.StaticReturnType(cty.String)}
	return cidrFunc(spec, func(p netip.Prefix, _ []cty.Value) (cty.Value, error) {
		if !p.Addr().Is4() {
			return cty.NilVal, function.NewArgErrorf(0, "IPv6 has no netmasks")
		}
		mask := uint32(0xffffffff << (32 - p.Bits()))
		return cty.StringVal(netip.AddrFrom4([4]byte{byte(mask >> 24), byte(mask >> 16), byte(mask >> 8), byte(mask)}).String()), nil
	})
}

func cidrSubnetFunc() function.Function {
	spec := function.Spec{Params: []function.Parameter{numParam("newbits"), numParam("netnum")}, Type: function.StaticReturnType(cty.String)}
	return cidrFunc(spec, func(p netip.Prefix, args []cty.Value) (cty.Value, error) {
		var bits int
		if err := gocty.FromCtyValue(args[1], &bits); err != nil {
			return cty.NilVal, function.NewArgError(1, err)
		}
		n, err := wholeArg(args, 2)
		if err != nil {
			return cty.NilVal, err
		}
		s, err := subnet(p, bits, n)
		if err != nil {
			return cty.NilVal, err
		}
		return cty.StringVal(s.String()), nil
	})
}

func cidrSubnetsFunc() function.Function {
	newbits := numParam("newbits")
	spec := function.Spec{VarParam: &newbits, Type: function.StaticReturnType(cty.List(cty.String))}
	return cidrFunc(spec, func(p netip.Prefix, args []cty.Value) (cty.Value, error) {
		out := []cty.Value{}
		next := new(big.Int)
		for i, a := range args[1:] {
			var bits int
			if err := gocty.FromCtyValue(a, &bits); err != nil {
				return cty.NilVal, function.NewArgError(i+1, err)
			}
			s, err := nextSubnet(p, bits, next)
			if err != nil {
				return cty.NilVal, function.NewArgError(i+1, err)
			}
			out = append(out, cty.StringVal(s.String()))
		}
		if len(out) == 0 {
			return cty.ListValEmpty(cty.String), nil
		}
		return cty.ListVal(out), nil
	})
}

// nextSubnet takes the first free subnet at or after the offset, and moves
// the offset behind it.
func nextSubnet(p netip.Prefix, bits int, offset *big.Int) (netip.Prefix, error) {
	if bits < 0 || p.Bits()+bits > p.Addr().BitLen() {
		return netip.Prefix{}, fmt.Errorf("%s cannot be extended by %d bits", p, bits)
	}
	shift := uint(p.Addr().BitLen() - p.Bits() - bits)
	size := new(big.Int).Lsh(big.NewInt(1), shift)
	n := new(big.Int).Add(offset, new(big.Int).Sub(size, big.NewInt(1)))
	n.Rsh(n, shift)
	s, err := subnet(p, bits, n)
	if err != nil {
		return netip.Prefix{}, err
	}
	offset.Lsh(n.Add(n, big.NewInt(1)), shift)
	return s, nil
}

func subnet(p netip.Prefix, bits int, n *big.Int) (netip.Prefix, error) {
	length := p.Bits() + bits
	if bits < 0 || length > p.Addr().BitLen() {
		return netip.Prefix{}, fmt.Errorf("%s cannot be extended by %d bits", p, bits)
	}
	if n.Sign() < 0 || n.BitLen() > bits {
		return netip.Prefix{}, fmt.Errorf("%s has no subnet number %s of length /%d", p, n, length)
	}
	offset := new(big.Int).Lsh(n, uint(p.Addr().BitLen()-length))
	a, err := nthAddress(p, offset)
	return netip.PrefixFrom(a, length), err
}

// nthAddress returns an address of the prefix; negative numbers count from
// its end.
func nthAddress(p netip.Prefix, n *big.Int) (netip.Addr, error) {
	size := new(big.Int).Lsh(big.NewInt(1), uint(p.Addr().BitLen()-p.Bits()))
	k := new(big.Int).Set(n)
	if k.Sign() < 0 {
		k.Add(k, size)
	}
	if k.Sign() < 0 || k.Cmp(size) >= 0 {
		return netip.Addr{}, fmt.Errorf("%s has no address number %s", p, n)
	}
	raw := p.Addr().AsSlice()
	k.Add(k, new(big.Int).SetBytes(raw))
	k.FillBytes(raw)
	a, _ := netip.AddrFromSlice(raw)
	return a, nil
}
