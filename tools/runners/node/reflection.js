// How a server describes itself: from the name of a service to its methods.
//
// Rule: nothing of the service is known here but its name. All that is written down is the part of
// grpc.reflection.v1 that is needed to ask.

import { once } from "node:events";
import loader from "@grpc/proto-loader";
import descriptor from "protobufjs/ext/descriptor/index.js";

const ANSWER_WITHIN_MS = 10_000;

const reflection = loader.fromJSON(
  {
    nested: {
      "grpc.reflection.v1": {
        nested: {
          ServerReflection: {
            methods: {
              ServerReflectionInfo: {
                requestType: "ServerReflectionRequest",
                requestStream: true,
                responseType: "ServerReflectionResponse",
                responseStream: true,
              },
            },
          },
          ServerReflectionRequest: {
            fields: {
              file_by_filename: { type: "string", id: 3 },
              file_containing_symbol: { type: "string", id: 4 },
            },
          },
          ServerReflectionResponse: {
            fields: {
              file_descriptor_response: { type: "FileDescriptorResponse", id: 4 },
              error_response: { type: "ErrorResponse", id: 7 },
            },
          },
          FileDescriptorResponse: {
            fields: { file_descriptor_proto: { rule: "repeated", type: "bytes", id: 1 } },
          },
          ErrorResponse: { fields: { error_message: { type: "string", id: 2 } } },
        },
      },
    },
  },
  { keepCase: true },
);

// The methods of a service: for each its path, and what serialises and reads its messages.
export async function describe(client, service, metadata) {
  const { path, requestSerialize, responseDeserialize } =
    reflection["grpc.reflection.v1.ServerReflection"].ServerReflectionInfo;
  const options = { deadline: Date.now() + ANSWER_WITHIN_MS };
  const stream = client.makeBidiStreamRequest(
    ...[path, requestSerialize, responseDeserialize, metadata, options],
  );
  stream.on("error", () => {}); // Told by `once`, while something is asked.
  const files = new Map();

  async function ask(question) {
    stream.write(question);
    const [answer] = await once(stream, "data");
    if (answer.error_response) throw new Error(answer.error_response.error_message);
    for (const bytes of answer.file_descriptor_response.file_descriptor_proto) {
      const file = descriptor.FileDescriptorProto.decode(bytes);
      files.set(file.name, file);
    }
  }

  await ask({ file_containing_symbol: service });
  for (const file of files.values()) {
    for (const name of file.dependency) {
      if (!files.has(name)) await ask({ file_by_filename: name });
    }
  }
  stream.end();
  const set = { file: [...files.values()] };
  // Numbers: a source counts to 2^53 at most, up to where a Number is exact.
  const as = { longs: Number, enums: String, defaults: true, oneofs: true };
  return loader.loadFileDescriptorSetFromObject(set, as)[service];
}
