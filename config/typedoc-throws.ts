import { type Application, type CommentDisplayPart, Converter, type ProjectReflection, ReflectionKind } from 'typedoc';

/** TypeDoc's Markdown drops the types of `@throws {A | B}`: this plugin puts links to these error classes before the tag's text. */
export function load(app: Application): void {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const { comment } of Object.values(project.reflections)) {
      for (const tag of comment?.getTags('@throws') ?? []) {
        if (tag.typeAnnotation === undefined) continue;
        const names = tag.typeAnnotation.replace(/[{}]/g, '').split('|');
        const links = names.map((name) => linkTo(name.trim(), project));
        const separated = links.flatMap((link, at): CommentDisplayPart[] => (at === 0 ? [link] : [{ kind: 'text', text: ', ' }, link]));
        if (tag.content.length > 0) separated.push({ kind: 'text', text: ': ' });
        tag.content.unshift(...separated);
      }
    }
  });
}

/** The class may be of another entry of the package. A name that is no class of the reference stays without a target: TypeDoc warns of it. */
function linkTo(name: string, project: ProjectReflection): CommentDisplayPart {
  const target = project.getReflectionsByKind(ReflectionKind.Class).find((reflection) => reflection.name === name);
  return { kind: 'inline-tag', tag: '@link', text: name, ...(target === undefined ? {} : { target }) };
}
