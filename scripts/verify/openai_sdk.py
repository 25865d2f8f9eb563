"""The official OpenAI SDK for Python against a gateway: `openai_sdk.py BASE_URL CONTROL_URL`.

Prints `ok   title` or `FAIL title: reason` for each check; exits with 0 when it came to its end.
"""

import asyncio
import json
import sys
import time
import urllib.request

import openai
from openai import AsyncOpenAI, OpenAI

BASE_URL, CONTROL_URL = sys.argv[1:3]
CHECKS = []
MESSAGES = [{"role": "user", "content": "one two three"}]
MODEL = "talaria/coder"
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CALL = {"kind": "tools", "calls": [{"id": "call_1", "name": "weather", "arguments": {"city": "Rome"}}]}


def check(title):
    def add(function):
        CHECKS.append((title, function))
        return function

    return add


def sdk(key="key-of-all", **options):
    return OpenAI(api_key=key, base_url=BASE_URL, **options)


def control(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(CONTROL_URL + path, data=data)) as response:
        return json.load(response)


def behave(*behaviours):
    """The next requests to the model server are answered like this; gives how often it was asked before."""
    return control("/next", list(behaviours))["count"]


def asked():
    return control("/asked")


def eventually(what, test):
    deadline = time.monotonic() + 10
    while not test():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(0.02)


def same(got, wanted):
    if got != wanted:
        raise AssertionError(f"got {got!r}, wanted {wanted!r}")


def failure_of(kind, function):
    try:
        function()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


@check("a chat completion, whole")
def _():
    completion = sdk().chat.completions.create(model=MODEL, messages=MESSAGES, temperature=0.5, seed=7)
    same(completion.choices[0].message.content, "one two three")
    same(completion.choices[0].finish_reason, "stop")
    same(completion.usage.total_tokens, 6)
    same(completion.model, MODEL)
    same((asked()["last"]["temperature"], asked()["last"]["seed"]), (0.5, 7))


@check("a chat completion, streamed with its usage")
def _():
    stream = sdk().chat.completions.create(
        model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    same("".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices), "one two three")
    same(chunks[-1].usage.total_tokens, 6)


@check("the stream helper, which accumulates")
def _():
    with sdk().chat.completions.stream(model=MODEL, messages=MESSAGES) as stream:
        for _event in stream:
            pass
        same(stream.get_final_completion().choices[0].message.content, "one two three")


@check("tools: a call, its result, the answer")
def _():
    behave(CALL)
    client = sdk()
    first = client.chat.completions.create(model=MODEL, messages=MESSAGES, tools=[WEATHER]).choices[0]
    same(first.finish_reason, "tool_calls")
    call = first.message.tool_calls[0]
    same((call.id, call.function.name, json.loads(call.function.arguments)), ("call_1", "weather", {"city": "Rome"}))
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    messages = [*MESSAGES, first.message, result]
    second = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER]).choices[0]
    same(second.finish_reason, "stop")
    same([message["role"] for message in asked()["last"]["messages"]], ["user", "assistant", "tool"])


@check("tools, streamed in pieces")
def _():
    behave(CALL)
    with sdk().chat.completions.stream(model=MODEL, messages=MESSAGES, tools=[WEATHER]) as stream:
        message = stream.get_final_completion().choices[0].message
    same(json.loads(message.tool_calls[0].function.arguments), {"city": "Rome"})


@check("structured output, parsed into a class")
def _():
    from pydantic import BaseModel

    class Weather(BaseModel):
        city: str
        degrees: int

    behave({"kind": "answer", "text": '{"city":"Rome","degrees":21}'})
    parsed = sdk().chat.completions.parse(model=MODEL, messages=MESSAGES, response_format=Weather)
    same(parsed.choices[0].message.parsed, Weather(city="Rome", degrees=21))
    same(asked()["last"]["response_format"]["type"], "json_schema")


@check("an image as a part of a message")
def _():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}}
    content = [{"type": "text", "text": "what is it?"}, image]
    sdk().chat.completions.create(model=MODEL, messages=[{"role": "user", "content": content}])
    same(asked()["last"]["messages"][0]["content"], content)


@check("the models are the agents of the key")
def _():
    same([model.id for model in sdk().models.list()], ["talaria/coder", "talaria/writer"])
    same([model.id for model in sdk("key-of-coder").models.list()], ["talaria/coder"])
    same(sdk().models.retrieve("talaria/writer").id, "talaria/writer")


@check("a stream that is left ends the request to the model")
def _():
    behave({"kind": "answer", "text": "a b c d e f g h", "pauseMs": 200})
    stream = sdk().chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)
    next(iter(stream))
    stream.close()
    eventually("the request to the model to be closed", lambda: asked()["aborted"])


@check("a time limit of the client ends the request to the model")
def _():
    before = behave({"kind": "hang"})
    failure_of(
        openai.APITimeoutError,
        lambda: sdk(timeout=1.0, max_retries=0).chat.completions.create(model=MODEL, messages=MESSAGES),
    )
    same(asked()["count"] - before, 1)
    eventually("the request to the model to be closed", lambda: asked()["aborted"])


@check("a wrong key")
def _():
    error = failure_of(openai.AuthenticationError, lambda: sdk("wrong").models.list())
    same((error.status_code, error.code, error.type), (401, "invalid_key", "authentication_error"))


@check("another key's agent is a model that does not exist")
def _():
    error = failure_of(
        openai.NotFoundError,
        lambda: sdk("key-of-coder").chat.completions.create(model="talaria/writer", messages=MESSAGES),
    )
    same((error.status_code, error.code), (404, "model_not_found"))


@check("a field that the gateway does not act on is named")
def _():
    error = failure_of(
        openai.BadRequestError, lambda: sdk().chat.completions.create(model=MODEL, messages=MESSAGES, logprobs=True)
    )
    same((error.code, error.param), ("unsupported_field", "logprobs"))


def asked_once(behaviour, call):
    before = behave(behaviour)
    error = failure_of(openai.APIError, call)
    same(error.code, "model_failed")
    same(asked()["count"] - before, 1)


@check("a turn that failed is not repeated by the SDK: status 500 of the model")
def _():
    asked_once({"kind": "fail", "status": 500}, lambda: sdk().chat.completions.create(model=MODEL, messages=MESSAGES))


@check("a turn that failed is not repeated by the SDK: a broken connection")
def _():
    asked_once({"kind": "reset"}, lambda: sdk().chat.completions.create(model=MODEL, messages=MESSAGES))


@check("a stream that breaks is an error of the stream, not repeated")
def _():
    asked_once(
        {"kind": "reset", "text": "half"},
        lambda: list(sdk().chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)),
    )


@check("with_raw_response shows who answered and the request's id")
def _():
    raw = sdk().chat.completions.with_raw_response.create(model="any", messages=MESSAGES)
    same(raw.headers["x-talaria-agent"], "coder")
    same(raw.headers["x-request-id"][:4], "req_")
    same(raw.parse().choices[0].message.content, "one two three")


@check("a stored session by header, and a key under which a turn runs once")
def _():
    headers = {"X-Talaria-Session-Id": "python"}
    client = sdk(default_headers=headers)
    client.chat.completions.create(model=MODEL, messages=MESSAGES)
    client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "and now?"}])
    same([message["role"] for message in asked()["last"]["messages"]], ["user", "assistant", "user"])
    once = {"Idempotency-Key": "python-1"}
    answers = [
        client.chat.completions.create(model=MODEL, messages=MESSAGES, extra_headers=once).id for _ in range(2)
    ]
    same(answers[0], answers[1])


@check("the async client: ten at once, and a stream")
def _():
    async def work():
        async with AsyncOpenAI(api_key="key-of-all", base_url=BASE_URL) as client:
            asks = [
                client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": f"number {at}"}])
                for at in range(10)
            ]
            answers = await asyncio.gather(*asks)
            same([answer.choices[0].message.content for answer in answers], [f"number {at}" for at in range(10)])
            stream = await client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)
            texts = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
            same("".join(texts), "one two three")

    asyncio.run(work())


@check("an async task that is cancelled ends the request to the model")
def _():
    async def work():
        async with AsyncOpenAI(api_key="key-of-all", base_url=BASE_URL) as client:
            before = behave({"kind": "hang"})
            task = asyncio.create_task(client.chat.completions.create(model=MODEL, messages=MESSAGES))
            while asked()["count"] == before:
                await asyncio.sleep(0.02)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(work())
    eventually("the request to the model to be closed", lambda: asked()["aborted"])


@check("a run in the background, by the SDK's own requests")
def _():
    client = sdk()
    run = client.post("/runs", cast_to=object, body={"input": "hello", "model": MODEL})
    ended = ("completed", "failed", "cancelled", "unknown")
    read = lambda: client.get(f"/runs/{run['id']}", cast_to=object)
    eventually("the run to end", lambda: read()["status"] in ended)
    same((read()["status"], read()["output_text"]), ("completed", "hello"))


def offered(feature):
    return sdk().get("/capabilities", cast_to=object)["features"][feature]["available"]


def response_checks():
    @check("a response, whole, and one that goes on from it")
    def _():
        client = sdk()
        first = client.responses.create(model=MODEL, input="one two three")
        same((first.status, first.output_text), ("completed", "one two three"))
        second = client.responses.create(model=MODEL, input="and now?", previous_response_id=first.id)
        same(second.output_text, "and now?")
        same([message["role"] for message in asked()["last"]["messages"]], ["user", "assistant", "user"])

    @check("a response, streamed")
    def _():
        with sdk().responses.stream(model=MODEL, input="one two three") as stream:
            types = [event.type for event in stream]
            same(stream.get_final_response().output_text, "one two three")
        same((types[0], types[-1]), ("response.created", "response.completed"))

    @check("a response is read, its input listed, and it is deleted")
    def _():
        client = sdk()
        made = client.responses.create(model=MODEL, input="hello")
        same(client.responses.retrieve(made.id).output_text, "hello")
        same(len(list(client.responses.input_items.list(made.id))), 1)
        client.responses.delete(made.id)
        failure_of(openai.NotFoundError, lambda: client.responses.retrieve(made.id))

    @check("another key's response does not exist")
    def _():
        made = sdk().responses.create(model=MODEL, input="hello")
        failure_of(openai.NotFoundError, lambda: sdk("key-of-coder").responses.retrieve(made.id))

    @check("a response that calls a function of the client")
    def _():
        behave(CALL)
        client = sdk()
        tool = {"type": "function", **WEATHER["function"]}
        first = client.responses.create(model=MODEL, input="weather?", tools=[tool])
        call = next(item for item in first.output if item.type == "function_call")
        result = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
        second = client.responses.create(model=MODEL, input=[result], previous_response_id=first.id, tools=[tool])
        same(second.status, "completed")
        same([message["role"] for message in asked()["last"]["messages"]], ["user", "assistant", "tool"])


def main():
    print(f"openai {openai.__version__}, Python {sys.version.split()[0]}")
    if offered("responses"):
        response_checks()
    else:
        print("/v1/responses is not served here")
    for title, function in CHECKS:
        try:
            function()
            print(f"ok   {title}")
        except Exception as error:
            reason = str(error).replace("\n", " ")
            print(f"FAIL {title}: {type(error).__name__}: {reason}")


main()
