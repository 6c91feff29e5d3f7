package native

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/proto"
)

// encode turns a slice into a column of a type. The column may share the slice's memory.
func encode(typ string, values any) (proto.ColInput, error) {
	switch v := values.(type) {
	case []string:
		return text(typ, v)
	case []uint16:
		c := proto.ColUInt16(v)
		return number(typ, "UInt16", &c)
	case []uint32:
		c := proto.ColUInt32(v)
		return number(typ, "UInt32", &c)
	case []uint64:
		c := proto.ColUInt64(v)
		return number(typ, "UInt64", &c)
	case []float32:
		c := proto.ColFloat32(v)
		return number(typ, "Float32", &c)
	case []float64:
		c := proto.ColFloat64(v)
		return number(typ, "Float64", &c)
	case []bool:
		c := proto.ColBool(v)
		return number(typ, "Bool", &c)
	case []int64:
		return moments(typ, v)
	case []netip.Addr:
		c := make(proto.ColIPv6, len(v))
		for i, a := range v {
			if a.IsValid() {
				c[i] = proto.IPv6(a.As16())
			}
		}
		return number(typ, "IPv6", &c)
	case [][]string:
		return lists(typ, v)
	case [][]float64:
		if typ != "Array(Float64)" {
			return nil, mismatch(typ, values)
		}
		var data proto.ColFloat64
		var ends proto.ColUInt64
		for _, one := range v {
			data = append(data, one...)
			ends = append(ends, uint64(len(data)))
		}
		return &proto.ColArr[float64]{Offsets: ends, Data: &data}, nil
	case []map[string]string:
		return maps(typ, v)
	}
	return nil, mismatch(typ, values)
}

func mismatch(typ string, values any) error {
	return fmt.Errorf("%T does not go into %s", values, typ)
}

// number passes a column through if it is of the type.
func number(typ, want string, c proto.ColInput) (proto.ColInput, error) {
	if typ != want {
		return nil, mismatch(typ, c)
	}
	return c, nil
}

func text(typ string, v []string) (proto.ColInput, error) {
	switch {
	case typ == "String":
		return plain(v), nil
	case typ == "LowCardinality(String)":
		c := new(proto.ColStr).LowCardinality()
		c.Values = v
		return c, nil
	case strings.HasPrefix(typ, "FixedString("):
		size, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(typ, "FixedString("), ")"))
		if err != nil {
			return nil, mismatch(typ, v)
		}
		c := &proto.ColFixedStr{Size: size, Buf: make([]byte, 0, size*len(v))}
		for _, one := range v {
			if len(one) > size {
				return nil, fmt.Errorf("%d bytes do not go into %s", len(one), typ)
			}
			c.Buf = append(append(c.Buf, one...), make([]byte, size-len(one))...)
		}
		return c, nil
	}
	return nil, mismatch(typ, v)
}

func plain(v []string) *proto.ColStr {
	size := 0
	for _, one := range v {
		size += len(one)
	}
	c := &proto.ColStr{Buf: make([]byte, 0, size), Pos: make([]proto.Position, 0, len(v))}
	for _, one := range v {
		c.Append(one)
	}
	return c
}

func moments(typ string, v []int64) (proto.ColInput, error) {
	if typ != "DateTime64(3, 'UTC')" {
		return nil, mismatch(typ, v)
	}
	c := new(proto.ColDateTime64).WithPrecision(proto.PrecisionMilli).WithLocation(time.UTC)
	c.Data = make([]proto.DateTime64, len(v))
	for i, ms := range v {
		c.Data[i] = proto.DateTime64(ms)
	}
	return c, nil
}

func lists(typ string, v [][]string) (proto.ColInput, error) {
	n := 0
	ends := make(proto.ColUInt64, len(v))
	for i, one := range v {
		n += len(one)
		ends[i] = uint64(n)
	}
	all := make([]string, 0, n)
	for _, one := range v {
		all = append(all, one...)
	}
	switch typ {
	case "Array(String)":
		return &proto.ColArr[string]{Offsets: ends, Data: plain(all)}, nil
	case "Array(LowCardinality(String))":
		data := new(proto.ColStr).LowCardinality()
		data.Values = all
		return &proto.ColArr[string]{Offsets: ends, Data: data}, nil
	}
	return nil, mismatch(typ, v)
}

func maps(typ string, v []map[string]string) (proto.ColInput, error) {
	if typ != "Map(LowCardinality(String), String)" {
		return nil, mismatch(typ, v)
	}
	keys, values := new(proto.ColStr).LowCardinality(), new(proto.ColStr)
	ends := make(proto.ColUInt64, 0, len(v))
	for _, one := range v {
		for k, x := range one {
			keys.Append(k)
			values.Append(x)
		}
		ends = append(ends, uint64(len(keys.Values)))
	}
	return &proto.ColMap[string, string]{Offsets: ends, Keys: keys, Values: values}, nil
}
