package openapi

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"douyin.dev/gen"
)

// comments are the leading comments of the public API, which the descriptors
// linked into the program have lost.
type comments map[protoreflect.FullName]string

// of returns a descriptor's comment as one paragraph, or "".
func (c comments) of(d protoreflect.Descriptor) string { return c[d.FullName()] }

func readComments() (comments, error) {
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(gen.PublicAPI, set); err != nil {
		return nil, fmt.Errorf("read descriptors: %w", err)
	}
	c := comments{}
	for _, f := range set.GetFile() {
		// Imports are resolved in what is linked in, where the options are too.
		file, err := protodesc.NewFile(f, protoregistry.GlobalFiles)
		if err != nil {
			return nil, fmt.Errorf("read descriptor of %s: %w", f.GetName(), err)
		}
		c.addFile(file)
	}
	return c, nil
}

func (c comments) addFile(file protoreflect.FileDescriptor) {
	for i := range file.Services().Len() {
		s := file.Services().Get(i)
		c.add(file, s)
		for j := range s.Methods().Len() {
			c.add(file, s.Methods().Get(j))
		}
	}
	for i := range file.Messages().Len() {
		m := file.Messages().Get(i)
		c.add(file, m)
		for j := range m.Fields().Len() {
			c.add(file, m.Fields().Get(j))
		}
	}
}

func (c comments) add(file protoreflect.FileDescriptor, d protoreflect.Descriptor) {
	text := file.SourceLocations().ByDescriptor(d).LeadingComments
	c[d.FullName()] = strings.Join(strings.Fields(text), " ")
}
