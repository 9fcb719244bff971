"""/api/ir-schemas, as its clients see it."""

import json
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from ir_schemas.models import CompatibilityLevel, IRSchema, IRSchemaDefinition, SchemaEvent
from ir_schemas.services import activate_version, create_version, require_compatibility
from tests import factories

pytestmark = pytest.mark.django_db

URL = "/api/ir-schemas"
OBJECT: dict[str, Any] = {"type": "object"}
TITLED: dict[str, Any] = {"type": "object", "required": ["title"], "properties": {"title": {"type": "string"}}}


def client_of(*permissions: str, **user: Any) -> APIClient:
    """A client of a user with these permissions of the registry."""
    client = APIClient()
    client.user = factories.UserFactory(**user)
    rows = Permission.objects.filter(content_type__app_label="ir_schemas", codename__in=permissions)
    assert len(rows) == len(permissions)
    client.user.user_permissions.set(rows)
    client.force_authenticate(User.objects.get(pk=client.user.pk))
    return client


@pytest.fixture
def boss() -> APIClient:
    return client_of(is_superuser=True)


def step_schema(schema: Any = OBJECT, owner: Any = None, **fields: Any) -> IRSchema:
    owner = owner or factories.StepVersionFactory()
    return create_version(model=IRSchema, owner=owner, schema=schema, **fields)


def prompt_schema(schema: Any = OBJECT, owner: Any = None) -> IRSchemaDefinition:
    owner = owner or factories.AIPromptFactory()
    return create_version(model=IRSchemaDefinition, owner=owner, schema=schema, name="answer")


def code_of(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


class TestCreating:
    @pytest.mark.parametrize(
        ("name", "factory", "table"),
        [
            ("stepVersionId", factories.StepVersionFactory, IRSchema),
            ("promptId", factories.AIPromptFactory, IRSchemaDefinition),
            ("processId", factories.AIProcessFactory, IRSchemaDefinition),
        ],
    )
    def test_a_schema_becomes_the_next_draft_of_its_owner(
        self, boss: APIClient, name: str, factory: Any, table: Any
    ) -> None:
        owner = factory()

        answer = boss.post(URL, {name: str(owner.pk), "schema": TITLED, "description": "first"})

        body = answer.json()
        assert answer.status_code == 201
        assert answer["Location"] == f"http://testserver{URL}/{body['id']}"
        assert {key: body[key] for key in ("version", "state", "schema", "description", name, "createdBy")} == {
            "version": 1, "state": "draft", "schema": TITLED, "description": "first", name: str(owner.pk),
            "createdBy": boss.user.username,
        }  # fmt: skip
        assert body["name"]
        assert table.objects.get(pk=body["id"]).created_by == boss.user

    def test_the_text_is_kept_as_it_was_written(self, boss: APIClient) -> None:
        text = '{\n    "type" : "object",\r\n\t"properties":{"b":true, "a":{"const":"}, \\" {"}}}'
        body = (
            '  {"description":"x" , "schema" :' + text + f', "stepVersionId": "{factories.StepVersionFactory().pk}"}}'
        )

        answer = boss.post(URL, body, content_type="application/json")

        assert answer.json()["source"] == text
        assert IRSchema.objects.get().schema == json.loads(text)

    def test_what_looks_wrong_is_said_without_refusing(self, boss: APIClient) -> None:
        owner = factories.StepVersionFactory()

        answer = boss.post(URL, {"stepVersionId": str(owner.pk), "schema": {"type": "object", "requird": ["a"]}})

        assert [(warning["path"], warning["severity"]) for warning in answer.json()["warnings"]] == [
            ("/requird", "warning")
        ]

    @pytest.mark.parametrize(
        ("schema", "path", "code"),
        [
            ({"type": "objekt"}, "/type", "unknown-type"),
            ({"properties": {"a": {"$ref": "#/$defs/b"}}}, "/properties/a/$ref", "dangling-reference"),
            ({"$ref": "file:///etc/passwd"}, "/$ref", "remote-reference"),
        ],
    )
    def test_a_schema_that_cannot_be_used_is_refused_with_its_places(
        self, boss: APIClient, schema: Any, path: str, code: str
    ) -> None:
        answer = boss.post(URL, {"stepVersionId": str(factories.StepVersionFactory().pk), "schema": schema})

        assert code_of(answer) == (400, "schema-invalid")
        assert (answer.json()["errors"][0]["path"], answer.json()["errors"][0]["code"]) == (path, code)

    def test_an_identical_schema_is_refused(self, boss: APIClient) -> None:
        version = step_schema(TITLED)

        answer = boss.post(URL, {"stepVersionId": str(version.step_version_id), "schema": TITLED})

        assert code_of(answer) == (409, "schema-identical")
        assert str(version.pk) in answer.json()["detail"]

    def test_exactly_one_owner_is_named(self, boss: APIClient) -> None:
        some = str(uuid.uuid4())

        for owners in ({}, {"promptId": some, "processId": some}):
            answer = boss.post(URL, {**owners, "schema": OBJECT})
            assert code_of(answer) == (400, "invalid-input")
            assert answer.json()["errors"][0]["code"] == "exactly-one"

    @pytest.mark.parametrize("name", ["promptId", "processId", "stepVersionId"])
    def test_an_owner_that_is_not_there_is_said_to_be_so(self, boss: APIClient, name: str) -> None:
        assert code_of(boss.post(URL, {name: str(uuid.uuid4()), "schema": OBJECT})) == (404, "schema-owner-unknown")

    def test_a_steps_schema_has_no_name_of_its_own(self, boss: APIClient) -> None:
        owner = factories.StepVersionFactory()

        answer = boss.post(URL, {"stepVersionId": str(owner.pk), "schema": OBJECT, "name": "mine"})

        assert code_of(answer) == (400, "invalid-input")


class TestReading:
    def test_a_version_comes_with_schema_and_etag(self, boss: APIClient) -> None:
        version = prompt_schema(TITLED)

        answer = boss.get(f"{URL}/{version.pk}")

        assert answer["ETag"] == version.etag
        assert set(answer.json()) == {
            "id", "stepVersionId", "promptId", "processId", "name", "version", "state", "description", "contentHash",
            "createdBy", "createdAt", "updatedAt", "activatedAt", "schema", "source",
        }  # fmt: skip
        assert (answer.json()["schema"], answer.json()["name"]) == (TITLED, "answer")

    def test_an_unknown_version_is_not_found(self, boss: APIClient) -> None:
        assert code_of(boss.get(f"{URL}/{uuid.uuid4()}")) == (404, "schema-unknown")
        assert boss.get(f"{URL}/nonsense").status_code == 404

    def test_both_tables_are_one_list_the_newest_first(self, boss: APIClient) -> None:
        versions = [step_schema(), prompt_schema(), step_schema(), prompt_schema()]

        body = boss.get(URL).json()

        assert [row["id"] for row in body["results"]] == [str(version.pk) for version in reversed(versions)]
        assert body["next"] is None
        assert "schema" not in body["results"][0]

    def test_pages_go_through_both_tables_without_gaps(self, boss: APIClient) -> None:
        versions = [make() for _ in range(3) for make in (step_schema, prompt_schema, prompt_schema)]
        seen, url = [], f"{URL}?pageSize=2"

        while url:
            page = boss.get(url).json()
            assert len(page["results"]) <= 2
            seen += [row["id"] for row in page["results"]]
            url = page["next"]

        assert seen == [str(version.pk) for version in reversed(versions)]

    def test_an_owner_narrows_the_list(self, boss: APIClient) -> None:
        step, prompt = step_schema(), prompt_schema()
        process = create_version(
            model=IRSchemaDefinition, owner=factories.AIProcessFactory(), schema=OBJECT, name="process"
        )
        owners = {
            f"stepVersionId={step.step_version_id}": step,
            f"promptId={prompt.prompt_id}": prompt,
            f"processId={process.process_id}": process,
        }

        for query, version in owners.items():
            assert [row["id"] for row in boss.get(f"{URL}?{query}").json()["results"]] == [str(version.pk)]

    def test_a_state_narrows_the_list(self, boss: APIClient) -> None:
        version = activate_version(schema=prompt_schema())
        step_schema()

        assert [row["id"] for row in boss.get(f"{URL}?state=active").json()["results"]] == [str(version.pk)]

    @pytest.mark.parametrize("query", ["promptId=7", "state=alive", "colour=red", "cursor=!", "pageSize=0"])
    def test_parameters_that_are_none_are_refused(self, boss: APIClient, query: str) -> None:
        assert code_of(boss.get(f"{URL}?{query}")) == (400, "invalid-input")

    def test_the_list_costs_the_same_for_many_as_for_few(self, boss: APIClient) -> None:
        def add(count: int) -> None:
            for _ in range(count):
                step_schema(created_by=boss.user)
                prompt_schema()

        add(1)
        with CaptureQueriesContext(connection) as few:
            boss.get(URL)
        add(10)
        with CaptureQueriesContext(connection) as many:
            boss.get(URL)

        assert len(few) == len(many) == 2


class TestEditing:
    def put(self, client: APIClient, version: Any, body: Any, etag: str | None = None) -> Any:
        headers = {"If-Match": etag} if etag else {}
        return client.put(f"{URL}/{version.pk}", body, headers=headers)

    def test_a_draft_is_edited_and_has_a_new_etag(self, boss: APIClient) -> None:
        version = step_schema()

        answer = self.put(boss, version, {"schema": TITLED, "description": "titled"}, version.etag)

        assert (answer.status_code, answer.json()["schema"], answer.json()["description"]) == (200, TITLED, "titled")
        assert answer["ETag"] not in ("", version.etag)
        assert boss.get(f"{URL}/{version.pk}")["ETag"] == answer["ETag"]
        assert version.events.get(action="updated").actor == boss.user

    def test_without_if_match_nothing_is_edited(self, boss: APIClient) -> None:
        assert code_of(self.put(boss, step_schema(), {"description": "x"})) == (428, "if-match-missing")

    def test_two_editors_cannot_overwrite_each_other(self, boss: APIClient) -> None:
        version = step_schema()
        self.put(boss, version, {"description": "mine"}, version.etag)

        answer = self.put(boss, version, {"description": "theirs"}, version.etag)

        assert code_of(answer) == (412, "schema-changed-meanwhile")
        version.refresh_from_db()
        assert version.description == "mine"

    def test_if_match_is_read_as_http_has_it(self, boss: APIClient) -> None:
        version = step_schema()

        assert code_of(self.put(boss, version, {"description": "a"}, f"W/{version.etag}"))[0] == 412
        assert self.put(boss, version, {"description": "b"}, f'"other", {version.etag}').status_code == 200
        assert self.put(boss, version, {"description": "c"}, "*").status_code == 200

    def test_the_schema_of_a_version_in_force_stays(self, boss: APIClient) -> None:
        version = activate_version(schema=step_schema())

        refused = self.put(boss, version, {"schema": TITLED}, version.etag)
        described = self.put(boss, version, {"schema": OBJECT, "description": "in force"}, version.etag)

        assert code_of(refused) == (409, "schema-version-immutable")
        assert (described.status_code, described.json()["description"]) == (200, "in force")

    def test_a_prompts_schema_can_be_renamed_and_a_steps_cannot(self, boss: APIClient) -> None:
        prompt, step = prompt_schema(), step_schema()

        assert self.put(boss, prompt, {"name": "summary"}, prompt.etag).json()["name"] == "summary"
        assert code_of(self.put(boss, step, {"name": "summary"}, step.etag)) == (400, "invalid-input")


class TestActivating:
    def test_putting_in_force_retires_the_one_before_and_records_why(self, boss: APIClient) -> None:
        first = activate_version(schema=step_schema())
        second = step_schema(TITLED, owner=first.step_version)

        answer = boss.post(f"{URL}/{second.pk}/activate", {"reason": "titles"})

        assert (answer.status_code, answer.json()["state"]) == (200, "active")
        first.refresh_from_db()
        assert first.state == "retired"
        event = SchemaEvent.objects.get(schema=second, action="activated")
        assert (event.actor, event.reason) == (boss.user, "titles")

    def test_no_body_is_needed(self, boss: APIClient) -> None:
        assert boss.post(f"{URL}/{prompt_schema().pk}/activate").status_code == 200

    def test_twice_is_refused(self, boss: APIClient) -> None:
        version = activate_version(schema=step_schema())

        assert code_of(boss.post(f"{URL}/{version.pk}/activate")) == (409, "schema-already-active")

    def test_retiring_leaves_nothing_in_force(self, boss: APIClient) -> None:
        version = activate_version(schema=step_schema())

        answer = boss.post(f"{URL}/{version.pk}/deactivate", {"reason": "pause"})

        assert (answer.status_code, answer.json()["state"]) == (200, "retired")
        assert code_of(boss.post(f"{URL}/{version.pk}/deactivate")) == (409, "schema-not-active")

    def test_a_lines_level_holds_unless_it_is_overridden_with_permission_and_reason(self, boss: APIClient) -> None:
        first = activate_version(schema=step_schema())
        second = step_schema(TITLED, owner=first.step_version)
        require_compatibility(owner=first.step_version, level=CompatibilityLevel.BACKWARD)
        url = f"{URL}/{second.pk}/activate"
        activator = client_of("activate_irschema")
        override = {"overrideCompatibility": True, "reason": "every writer sends titles"}

        refused = boss.post(url, {"reason": "please"})

        assert code_of(refused) == (409, "schema-incompatible")
        assert refused.json()["errors"][0]["counterexample"] == {}
        assert code_of(boss.post(url, {"overrideCompatibility": True})) == (400, "invalid-input")
        assert code_of(activator.post(url, override)) == (403, "permission-denied")
        assert boss.post(url, override).status_code == 200


class TestValidating:
    def validate(self, client: APIClient, **body: Any) -> Any:
        answer = client.post(f"{URL}/validate", body)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def test_by_the_contract_in_force_of_each_kind_of_owner(self, boss: APIClient) -> None:
        step, prompt = activate_version(schema=step_schema(TITLED)), activate_version(schema=prompt_schema(TITLED))
        process = activate_version(
            schema=create_version(
                model=IRSchemaDefinition, owner=factories.AIProcessFactory(), schema=TITLED, name="process"
            )
        )
        owners = {
            "stepVersionId": (step, step.step_version_id),
            "promptId": (prompt, prompt.prompt_id),
            "processId": (process, process.process_id),
        }

        for name, (version, key) in owners.items():
            body = self.validate(boss, **{name: str(key)}, data={"title": "Page"})
            assert (body["valid"], body["outcome"], body["schemaId"], body["version"]) == (
                True, "valid", str(version.pk), 1,
            )  # fmt: skip

    def test_an_invalid_document_is_explained(self, boss: APIClient) -> None:
        body = self.validate(boss, schema=TITLED, data={"title": 7})

        assert {key: body[key] for key in ("valid", "outcome", "errorCount", "schemaId", "version")} == {
            "valid": False, "outcome": "invalid", "errorCount": 1, "schemaId": None, "version": None,
        }  # fmt: skip
        error = body["errors"][0]
        assert (error["path"], error["code"], error["line"]) == ("/title", "wrong-type", 1)
        assert body["countsByCode"] == {"wrong-type": 1}
        assert body["durationMs"] >= 0

    def test_lines_count_from_the_beginning_of_the_document(self, boss: APIClient) -> None:
        body = '{"schema": {"type": "object",\n\n "additionalProperties": false}, "data": {\n "a": 1}}'

        answer = boss.post(f"{URL}/validate", body, content_type="application/json")

        assert answer.json()["errors"][0]["line"] in (1, 2)
        assert answer.json()["errors"][0]["code"] == "unexpected-property"

    def test_a_draft_is_asked_by_its_id(self, boss: APIClient) -> None:
        draft = step_schema(TITLED)

        assert self.validate(boss, schemaId=str(draft.pk), data={})["valid"] is False

    def test_with_nothing_in_force_it_is_skipped_which_is_no_pass(self, boss: APIClient) -> None:
        draft = step_schema(TITLED)

        body = self.validate(boss, stepVersionId=str(draft.step_version_id), data={})

        assert (body["valid"], body["outcome"], body["schemaId"], body["errorCount"]) == (None, "skipped", None, 0)

    @pytest.mark.parametrize("data", [None, True, 0, "text", [], {}])
    def test_any_value_is_a_document(self, boss: APIClient, data: Any) -> None:
        assert self.validate(boss, schema=True, data=data)["valid"] is True
        assert self.validate(boss, schema=False, data=data)["valid"] is False

    def test_unknown_ids_are_not_found(self, boss: APIClient) -> None:
        some = str(uuid.uuid4())

        assert code_of(boss.post(f"{URL}/validate", {"schemaId": some, "data": 1})) == (404, "schema-unknown")
        assert code_of(boss.post(f"{URL}/validate", {"promptId": some, "data": 1})) == (404, "schema-owner-unknown")

    @pytest.mark.parametrize(
        "body", [{}, {"data": 1}, {"schema": True}, {"schema": True, "schemaId": str(uuid.uuid4()), "data": 1}, [1], 7]
    )
    def test_incomplete_bodies_are_refused(self, boss: APIClient, body: Any) -> None:
        assert code_of(boss.post(f"{URL}/validate", body)) == (400, "invalid-input")

    def test_a_stored_schema_that_cannot_be_used_is_an_answer_not_a_crash(self, boss: APIClient) -> None:
        broken = factories.IRSchemaFactory(schema={"type": "objekt"}, state="active")

        for body in ({"schemaId": str(broken.pk)}, {"stepVersionId": str(broken.step_version_id)}):
            assert code_of(boss.post(f"{URL}/validate", {**body, "data": 1})) == (400, "schema-invalid")


class TestComparing:
    def test_compatibility_with_the_version_in_force_shows_a_document_that_breaks(self, boss: APIClient) -> None:
        first = activate_version(schema=step_schema())
        second = step_schema(TITLED, owner=first.step_version)
        require_compatibility(owner=first.step_version, level=CompatibilityLevel.BACKWARD)

        body = boss.post(f"{URL}/{second.pk}/compatibility").json()

        assert body["against"] == {"id": str(first.pk), "version": 1, "state": "active"}
        assert (body["backward"]["status"], body["forward"]["status"]) == ("incompatible", "compatible")
        assert body["backward"]["counterexample"] == {}
        assert (body["level"], body["keepsLevel"]) == ("backward", False)
        assert "required-added" in [change["kind"] for change in body["changes"]]

    def test_the_writer_closed_reading_takes_an_optional_property_for_compatible(self, boss: APIClient) -> None:
        first = step_schema({"type": "object", "properties": {"a": {"type": "string"}}})
        second = step_schema({"properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "type": "object"},
                             owner=first.step_version)  # fmt: skip
        url = f"{URL}/{second.pk}/compatibility"

        standard = boss.post(url, {"against": str(first.pk)}).json()
        closed = boss.post(url, {"against": str(first.pk), "reading": "writer-closed"}).json()

        assert standard["backward"]["status"] == "incompatible"
        assert (closed["reading"], closed["backward"]["status"]) == ("writer-closed", "compatible")

    @pytest.mark.parametrize("path", ["compatibility", "diff"])
    def test_with_nothing_to_compare_with_it_says_so(self, boss: APIClient, path: str) -> None:
        version = activate_version(schema=step_schema())
        call = boss.post if path == "compatibility" else boss.get

        assert code_of(call(f"{URL}/{version.pk}/{path}")) == (409, "schema-nothing-to-compare")

    def test_a_diff_names_each_place(self, boss: APIClient) -> None:
        first = step_schema()
        second = step_schema(TITLED, owner=first.step_version)

        body = boss.get(f"{URL}/{second.pk}/diff?against={first.pk}").json()

        assert body["against"]["version"] == 1
        assert {(row["operation"], row["newPath"]) for row in body["differences"]} == {
            ("added", "/required/0"), ("added", "/properties/title"),
        }  # fmt: skip
        assert code_of(boss.get(f"{URL}/{second.pk}/diff?against=7")) == (400, "invalid-input")
        assert code_of(boss.get(f"{URL}/{second.pk}/diff?against={uuid.uuid4()}")) == (404, "schema-unknown")

    def test_replay_counts_what_would_newly_fail(self, boss: APIClient) -> None:
        version = step_schema(TITLED)
        made = factories.IRArtifactFactory(step_run__step_version=version.step_version, ir_json={})

        body = boss.post(f"{URL}/{version.pk}/replay", {"last": 10}).json()

        assert (body["source"], body["checked"], body["newlyFailing"], body["explained"]) == ("artifacts", 1, 1, 1)
        assert body["errors"][0]["examples"] == [str(made.pk)]
        assert code_of(boss.post(f"{URL}/{version.pk}/replay", {"last": 0})) == (400, "invalid-input")


class TestDeriving:
    def test_a_schema_is_inferred_from_documents(self, boss: APIClient) -> None:
        body = boss.post(f"{URL}/infer", {"documents": [{"a": 1}, {"a": 2, "b": "x"}]}).json()

        assert body["documentCount"] == 2
        assert body["schema"]["required"] == ["a"]
        assert code_of(boss.post(f"{URL}/infer", {"documents": []})) == (400, "invalid-input")

    def test_an_example_is_valid(self, boss: APIClient) -> None:
        version = step_schema(TITLED)

        assert isinstance(boss.get(f"{URL}/{version.pk}/example").json()["document"]["title"], str)
        nothing = step_schema(False)
        assert code_of(boss.get(f"{URL}/{nothing.pk}/example")) == (409, "schema-not-derivable")

    @pytest.mark.parametrize(
        ("target", "word"), [("typescript", "export type"), ("pydantic", "BaseModel"), ("strict", '"title"')]
    )
    def test_a_version_is_exported(self, boss: APIClient, target: str, word: str) -> None:
        version = step_schema({**TITLED, "minProperties": 1})

        body = boss.get(f"{URL}/{version.pk}/export?target={target}").json()

        assert word in body["text"]
        assert body["losses"]

    def test_an_unknown_target_is_refused(self, boss: APIClient) -> None:
        assert code_of(boss.get(f"{URL}/{step_schema().pk}/export?target=cobol")) == (400, "invalid-input")


class TestPermissions:
    def test_nobody_is_let_in_unknown(self) -> None:
        client = APIClient()

        for answer in (client.get(URL), client.post(URL, {}), client.post(f"{URL}/validate", {})):
            assert answer.status_code == 401

    @pytest.mark.parametrize(
        ("method", "path", "permission"),
        [
            ("get", "", "view_irschema"),
            ("get", "/{id}", "view_irschema"),
            ("get", "/{id}/example", "view_irschema"),
            ("get", "/{id}/export?target=typescript", "view_irschema"),
            ("post", "/validate", "view_irschema"),
            ("post", "", "add_irschema"),
            ("put", "/{id}", "change_irschema"),
            ("post", "/{id}/compatibility", "change_irschema"),
            ("post", "/{id}/replay", "change_irschema"),
            ("get", "/{id}/diff", "change_irschema"),
            ("post", "/infer", "change_irschema"),
            ("post", "/{id}/activate", "activate_irschema"),
            ("post", "/{id}/deactivate", "activate_irschema"),
        ],
    )
    def test_each_door_has_its_permission(self, method: str, path: str, permission: str) -> None:
        url = URL + path.format(id=step_schema().pk)
        others = {"view_irschema", "add_irschema", "change_irschema", "activate_irschema"} - {permission}

        refused = getattr(client_of(*others), method)(url)
        let_in = getattr(client_of(permission), method)(url)

        assert code_of(refused) == (403, "permission-denied")
        assert let_in.status_code not in (401, 403)

    def test_who_may_see_one_table_does_not_see_the_other(self) -> None:
        step, prompt = step_schema(), activate_version(schema=prompt_schema())
        client = client_of("view_irschema", "add_irschema", "change_irschema")

        assert [row["id"] for row in client.get(URL).json()["results"]] == [str(step.pk)]
        assert client.get(f"{URL}?promptId={prompt.prompt_id}").json()["results"] == []
        for answer in (
            client.get(f"{URL}/{prompt.pk}"),
            client.post(f"{URL}/validate", {"schemaId": str(prompt.pk), "data": 1}),
            client.post(f"{URL}/validate", {"promptId": str(prompt.prompt_id), "data": 1}),
            client.post(URL, {"promptId": str(prompt.prompt_id), "schema": TITLED}),
            client.get(f"{URL}/{step.pk}/diff?against={prompt.pk}"),
        ):
            assert code_of(answer) == (403, "permission-denied")
