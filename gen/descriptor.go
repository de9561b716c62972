// Package gen holds what is generated from proto/, and the public API's
// descriptors with their comments, which generated Go code leaves out.
package gen

import _ "embed"

// PublicAPI is a google.protobuf.FileDescriptorSet of douyin.api.v1, comments
// included and imports left out.
//
//go:embed douyin.binpb
var PublicAPI []byte
